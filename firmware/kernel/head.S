/*
 * The kernel image: what is assembly in a kernel that is otherwise modelled in TypeScript.
 *
 *   physical base + 0x80000
 *   _text    Image header, _start, vectors, gates         read-only, executable
 *   _rodata  banner                                       read-only
 *   _data    (BSS, zeroed by _start)                      read-write, never executable
 *              kernel_bss        static data of the kernel
 *              pt_pool           16 page tables; the first four are the bootstrap tables
 *              boot_stack_guard  one page, unmapped by the kernel
 *              boot_stack        64 KiB
 *   _end
 *
 * A gate is `HLT #imm`: an instruction that no kernel executes otherwise and that the machine hands to TypeScript. Execution goes on behind it.
 *
 * The code is position independent: it runs where the loader put it (one to one), then at that address + VIRTUAL_BASE. Symbols are offsets from _text.
 * Boot protocol: Documentation/arch/arm64/booting.rst. Registers: Arm ARM DDI 0487.
 */

	.equ	VIRTUAL_BASE, 0xffff800000000000
	.equ	PAGE_SIZE, 4096
	.equ	PT_POOL_TABLES, 16
	.equ	KERNEL_BSS_SIZE, 64 * 1024
	.equ	BOOT_STACK_SIZE, 64 * 1024

	/* Gates. kernel-ts enters at these numbers. */
	.equ	GATE_KMAIN, 0x4c00
	.equ	GATE_VECTOR, 0x4c10

	/* Stage 1 descriptors: 1 GiB blocks with the access flag, inner shareable, never executable at EL0. */
	.equ	BLOCK_NORMAL, 0x0040000000000701	/* attribute 0 */
	.equ	BLOCK_DEVICE, 0x0060000000000405	/* attribute 1, never executable */
	.equ	TABLE, 3

	/* MAIR_EL1: attribute 0 normal write-back, attribute 1 device nGnRE. */
	.equ	MAIR_VALUE, 0x04ff
	/* TCR_EL1: 48-bit both halves, 4 KiB granules, inner shareable write-back walks, 48-bit physical. */
	.equ	TCR_VALUE, 0x5b5103510

	.section .head.text, "ax"
	.global _text
_text:
	b	_start
	.long	0
	.quad	0x80000			/* text_offset */
	.quad	_image_size		/* with BSS, stack and page tables: a loader keeps out of them */
	.quad	0xa			/* little-endian, 4 KiB pages, anywhere in RAM */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

	.global _start
_start:
	msr	daifset, #0xf
	mrs	x4, mpidr_el1
	ldr	x5, =0xff00ffffff	/* affinity fields */
	tst	x4, x5
	b.ne	cpu_park		/* only the boot core comes in here */

	mov	x5, #(3 << 20)		/* CPACR_EL1.FPEN: no traps of FP and SIMD */
	msr	cpacr_el1, x5
	isb

	/* Zero BSS before anything is stored there. */
	adrp	x4, __bss_start
	add	x4, x4, :lo12:__bss_start
	adrp	x5, __bss_end
	add	x5, x5, :lo12:__bss_end
1:	stp	xzr, xzr, [x4], #16
	cmp	x4, x5
	b.lo	1b

	adrp	x4, boot_args
	add	x4, x4, :lo12:boot_args
	stp	x0, x1, [x4]
	stp	x2, x3, [x4, #16]

	/*
	 * Bootstrap tables, all from pt_pool: two level 0 tables that lead to two level 1 tables of 1 GiB blocks.
	 *   TTBR0: one to one.  TTBR1: at VIRTUAL_BASE.  Mapped: the first GiB (devices), those of this image, and those of the device tree.
	 */
	adrp	x4, pt_pool		/* TTBR0 level 0 */
	add	x5, x4, #PAGE_SIZE	/* TTBR0 level 1 */
	add	x6, x5, #PAGE_SIZE	/* TTBR1 level 0 */
	add	x7, x6, #PAGE_SIZE	/* TTBR1 level 1 */
	adr	x8, _text
	lsr	x9, x8, #39		/* which 512 GiB */
	orr	x10, x5, #TABLE
	str	x10, [x4, x9, lsl #3]
	orr	x10, x7, #TABLE
	add	x9, x9, #256		/* VIRTUAL_BASE bits 47:39 */
	str	x10, [x6, x9, lsl #3]

	ldr	x11, =BLOCK_DEVICE
	str	x11, [x5]
	str	x11, [x7]
	ldr	x11, =BLOCK_NORMAL
	bl	map_gib			/* x8: the image's start */
	adrp	x8, _end
	sub	x8, x8, #1
	bl	map_gib
	mov	x8, x0
	bl	map_gib			/* the device tree, at most 2 MiB */
	add	x8, x0, #(2 << 20)
	sub	x8, x8, #1
	bl	map_gib
	dsb	sy

	ldr	x9, =MAIR_VALUE
	msr	mair_el1, x9
	ldr	x9, =TCR_VALUE
	msr	tcr_el1, x9
	msr	ttbr0_el1, x4
	msr	ttbr1_el1, x6
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	mrs	x9, sctlr_el1
	mov	x10, #0x1005		/* I, C, M */
	orr	x9, x9, x10
	msr	sctlr_el1, x9
	isb

	ldr	x9, =VIRTUAL_BASE
	adr	x10, 2f
	add	x10, x10, x9
	br	x10

2:	/* In the high half. */
	adrp	x10, boot_stack_top
	mov	sp, x10
	adrp	x10, vectors
	add	x10, x10, :lo12:vectors
	msr	vbar_el1, x10
	isb
	mov	x29, xzr
	mov	x30, xzr
	.global gate_kmain
gate_kmain:
	hlt	#GATE_KMAIN
	.global idle
idle:
	wfi
	b	idle

	/* Where a core ends that has nothing more to do: a panic, or one that was not asked for. */
	.global cpu_park
cpu_park:
	msr	daifset, #0xf
3:	wfi
	b	3b

	/* Maps the GiB of physical address x8 in both level 1 tables (x5, x7) with the attributes in x11. Uses x12 to x14. */
map_gib:
	lsr	x12, x8, #30
	lsl	x13, x12, #30
	orr	x13, x13, x11
	and	x12, x12, #511
	str	x13, [x5, x12, lsl #3]
	str	x13, [x7, x12, lsl #3]
	ret

	.ltorg

	/* Vector n (0 to 15, in the architecture's order) is a gate of its own; no vector returns. */
	.balign	0x800
	.global vectors
vectors:
	.set	vector, 0
	.rept	16
	.balign	0x80
	hlt	#(GATE_VECTOR + vector)
	b	cpu_park
	.set	vector, vector + 1
	.endr

	.section .rodata, "a"
	.global banner
banner:
	.asciz	"LevitateOS"

	.section .bss, "aw", %nobits
	.balign	PAGE_SIZE
	.global boot_args, kernel_bss, kernel_bss_end, pt_pool, boot_stack_guard, boot_stack, boot_stack_top
boot_args:
	.skip	64
kernel_bss:
	.skip	KERNEL_BSS_SIZE - 64
kernel_bss_end:
	.balign	PAGE_SIZE
pt_pool:
	.skip	PT_POOL_TABLES * PAGE_SIZE
boot_stack_guard:
	.skip	PAGE_SIZE
boot_stack:
	.skip	BOOT_STACK_SIZE
boot_stack_top:
