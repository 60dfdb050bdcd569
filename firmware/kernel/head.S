/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The kernel image: the assembly of a kernel that is otherwise modelled in TypeScript.
 *
 *   physical base + 0x80000
 *   _text    Image header, _start, vectors, gates         read-only, executable
 *   _rodata  banner                                       read-only
 *   _data    (BSS, zeroed by _start)                      read-write, never executable
 *              kernel_bss        static data of the kernel
 *              pt_pool           16 page tables; the first five are the bootstrap tables
 *              boot_stack_guard  one page, unmapped by the kernel
 *              boot_stack        62 KiB; its last 832 bytes are the trap frame of the idle loop
 *              fault_stack       2 KiB: frames of exceptions that the kernel itself caused
 *   _end
 *
 * A gate is `HLT #imm`. No kernel uses that instruction otherwise; the machine passes it to
 * TypeScript. Execution continues after it.
 *
 * An exception saves a trap frame and enters its gate with the frame's address in x0. TypeScript
 * leaves the address of a frame in x0, and the core resumes what that frame describes:
 *
 *   0x000 x0 … x30    0x0f8 SP_EL0    0x100 ELR_EL1  SPSR_EL1    0x110 FPSR  FPCR    0x120 ESR_EL1  FAR_EL1
 *   0x130 SP_EL1 at the exception    0x138 TPIDR_EL0             0x140 q0 … q31      0x340 end
 *
 * The layout is known to kernel-ts/kernel/trap-frame.ts.
 *
 * The code is position independent: it runs where the loader put it (one to one), then at that
 * address + VIRTUAL_BASE. Symbols are offsets from _text. Boot protocol:
 * Documentation/arch/arm64/booting.rst. Registers: Arm ARM DDI 0487.
 */

	.equ	VIRTUAL_BASE, 0xffff800000000000
	.equ	PAGE_SIZE, 4096
	.equ	PT_POOL_TABLES, 16
	.equ	KERNEL_BSS_SIZE, 64 * 1024
	.equ	BOOT_STACK_SIZE, 62 * 1024
	.equ	FAULT_STACK_SIZE, 2 * 1024

	/* The trap frame. */
	.equ	FRAME_SIZE, 0x340
	.equ	FRAME_X30, 0x0f0
	.equ	FRAME_ELR, 0x100
	.equ	FRAME_FPSR, 0x110
	.equ	FRAME_ESR, 0x120
	.equ	FRAME_SP_EL1, 0x130
	.equ	FRAME_TPIDR, 0x138
	.equ	FRAME_Q0, 0x140

	/* Gates. kernel-ts enters at these numbers. */
	.equ	GATE_KMAIN, 0x4c00
	.equ	GATE_VECTOR, 0x4c10

	/*
	 * Stage 1 descriptors: blocks with the access flag, inner shareable, never executable at
	 * EL0.
	 */
	.equ	BLOCK_NORMAL, 0x0040000000000701	/* attribute 0 */
	.equ	BLOCK_DEVICE, 0x0060000000000405	/* attribute 1, never executable */
	.equ	TABLE, 3

	/* MAIR_EL1: attribute 0 normal write-back, attribute 1 device nGnRE. */
	.equ	MAIR_VALUE, 0x04ff
	/*
	 * TCR_EL1: 48-bit both halves, 4 KiB granules, inner shareable write-back walks, 48-bit
	 * physical.
	 */
	.equ	TCR_VALUE, 0x5b5103510

	.section .head.text, "ax"
	.global _text
_text:
	b	_start
	.long	0
	.quad	0x80000			/* text_offset */
	.quad	_image_size		/* with BSS, stack and page tables: left free by loaders */
	.quad	0xa			/* little-endian, 4 KiB pages, anywhere in RAM */
	.quad	0, 0, 0
	.ascii	"ARM\x64"
	.long	0

	/*
	 * Board data that a kernel is otherwise built with; the loader of this image fills it in.
	 * Physical address of the console's registers, in the same 512 GiB as the image; 0: no
	 * console.
	 */
	.balign	8
	.global early_console
early_console:	.quad	0

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
	 * Bootstrap tables, all from pt_pool: two level 0 tables that lead to two level 1 tables of
	 * 1 GiB blocks.
	 *   TTBR0: one to one.   Mapped: the GiB of this image and of the device tree.
	 *   TTBR1: at VIRTUAL_BASE.  The same, and through a level 2 table the 2 MiB of the console.
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
	ldr	x8, early_console
	cbz	x8, 1f
	bl	map_console
1:	dsb	sy

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
	ldr	x10, =0x51005		/* I, C, M; nTWI, nTWE: EL0 may execute WFI and WFE */
	orr	x9, x9, x10
	msr	sctlr_el1, x9
	isb

	ldr	x9, =VIRTUAL_BASE
	adr	x10, 2f
	add	x10, x10, x9
	br	x10

2:	/* In the high half. */
	adrp	x10, boot_stack_top
	add	x10, x10, :lo12:boot_stack_top
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
	/* x0: the idle loop's frame, or that of the first process. */
	b	restore_context

	/* Entered by the idle frame only: with boot_stack_top in SP and IRQs unmasked. */
	.global idle
idle:
	wfi
	b	idle

	/* A core without work stops here: after a panic, or when it was not requested. */
	.global cpu_park
cpu_park:
	msr	daifset, #0xf
3:	wfi
	b	3b

	/*
	 * Maps the GiB of physical address x8 in both level 1 tables (x5, x7) with the attributes
	 * in x11. Uses x12 to x14.
	 */
map_gib:
	lsr	x12, x8, #30
	lsl	x13, x12, #30
	orr	x13, x13, x11
	and	x12, x12, #511
	str	x13, [x5, x12, lsl #3]
	str	x13, [x7, x12, lsl #3]
	ret

	/*
	 * Maps the 2 MiB of physical address x8 as devices through the table after the one at x7. A
	 * GiB that is mapped already (RAM and console may share one) stays mapped around it. Uses
	 * x9 to x15.
	 */
map_console:
	add	x9, x7, #PAGE_SIZE	/* TTBR1 level 2 */
	ubfx	x12, x8, #30, #9
	add	x12, x7, x12, lsl #3
	ldr	x13, [x12]		/* its level 1 entry */
	cbz	x13, 2f
	mov	x14, x9
	mov	x15, #512
1:	str	x13, [x14], #8
	add	x13, x13, #(2 << 20)
	subs	x15, x15, #1
	b.ne	1b
2:	orr	x13, x9, #TABLE
	str	x13, [x12]
	lsr	x13, x8, #21
	lsl	x14, x13, #21
	ldr	x10, =BLOCK_DEVICE
	orr	x14, x14, x10
	and	x13, x13, #511
	str	x14, [x9, x13, lsl #3]
	ret

	/*
	 * Fills the frame at SP, whose x30 is saved already. Returns its address in x0; the other
	 * registers are free from then on.
	 */
save_context:
	stp	x0, x1, [sp]
	mov	x0, sp
	stp	x2, x3, [x0, #0x10]
	stp	x4, x5, [x0, #0x20]
	stp	x6, x7, [x0, #0x30]
	stp	x8, x9, [x0, #0x40]
	stp	x10, x11, [x0, #0x50]
	stp	x12, x13, [x0, #0x60]
	stp	x14, x15, [x0, #0x70]
	stp	x16, x17, [x0, #0x80]
	stp	x18, x19, [x0, #0x90]
	stp	x20, x21, [x0, #0xa0]
	stp	x22, x23, [x0, #0xb0]
	stp	x24, x25, [x0, #0xc0]
	stp	x26, x27, [x0, #0xd0]
	stp	x28, x29, [x0, #0xe0]
	mrs	x1, sp_el0
	str	x1, [x0, #FRAME_X30 + 8]
	mrs	x1, elr_el1
	mrs	x2, spsr_el1
	stp	x1, x2, [x0, #FRAME_ELR]
	mrs	x1, tpidr_el0
	str	x1, [x0, #FRAME_TPIDR]
	mrs	x1, fpsr
	mrs	x2, fpcr
	stp	x1, x2, [x0, #FRAME_FPSR]
	mrs	x1, esr_el1
	mrs	x2, far_el1
	stp	x1, x2, [x0, #FRAME_ESR]
	add	x1, x0, #FRAME_Q0
	stp	q0, q1, [x1]
	stp	q2, q3, [x1, #0x20]
	stp	q4, q5, [x1, #0x40]
	stp	q6, q7, [x1, #0x60]
	stp	q8, q9, [x1, #0x80]
	stp	q10, q11, [x1, #0xa0]
	stp	q12, q13, [x1, #0xc0]
	stp	q14, q15, [x1, #0xe0]
	stp	q16, q17, [x1, #0x100]
	stp	q18, q19, [x1, #0x120]
	stp	q20, q21, [x1, #0x140]
	stp	q22, q23, [x1, #0x160]
	stp	q24, q25, [x1, #0x180]
	stp	q26, q27, [x1, #0x1a0]
	stp	q28, q29, [x1, #0x1c0]
	stp	q30, q31, [x1, #0x1e0]
	ret

	/* Resumes what the frame at x0 describes. Leaves SP just above the frame. */
	.global restore_context
restore_context:
	mov	sp, x0
	add	x1, x0, #FRAME_Q0
	ldp	q0, q1, [x1]
	ldp	q2, q3, [x1, #0x20]
	ldp	q4, q5, [x1, #0x40]
	ldp	q6, q7, [x1, #0x60]
	ldp	q8, q9, [x1, #0x80]
	ldp	q10, q11, [x1, #0xa0]
	ldp	q12, q13, [x1, #0xc0]
	ldp	q14, q15, [x1, #0xe0]
	ldp	q16, q17, [x1, #0x100]
	ldp	q18, q19, [x1, #0x120]
	ldp	q20, q21, [x1, #0x140]
	ldp	q22, q23, [x1, #0x160]
	ldp	q24, q25, [x1, #0x180]
	ldp	q26, q27, [x1, #0x1a0]
	ldp	q28, q29, [x1, #0x1c0]
	ldp	q30, q31, [x1, #0x1e0]
	ldr	x1, [x0, #FRAME_TPIDR]
	msr	tpidr_el0, x1
	ldp	x1, x2, [x0, #FRAME_FPSR]
	msr	fpsr, x1
	msr	fpcr, x2
	ldp	x1, x2, [x0, #FRAME_ELR]
	msr	elr_el1, x1
	msr	spsr_el1, x2
	ldp	x30, x1, [x0, #FRAME_X30]
	msr	sp_el0, x1
	ldp	x28, x29, [x0, #0xe0]
	ldp	x26, x27, [x0, #0xd0]
	ldp	x24, x25, [x0, #0xc0]
	ldp	x22, x23, [x0, #0xb0]
	ldp	x20, x21, [x0, #0xa0]
	ldp	x18, x19, [x0, #0x90]
	ldp	x16, x17, [x0, #0x80]
	ldp	x14, x15, [x0, #0x70]
	ldp	x12, x13, [x0, #0x60]
	ldp	x10, x11, [x0, #0x50]
	ldp	x8, x9, [x0, #0x40]
	ldp	x6, x7, [x0, #0x30]
	ldp	x4, x5, [x0, #0x20]
	ldp	x2, x3, [x0, #0x10]
	ldp	x0, x1, [sp], #0x10
	add	sp, sp, #(FRAME_SIZE - 0x10)
	eret

	.ltorg

	/*
	 * Vector n (0 to 15, in the architecture's order) is a gate of its own.
	 *
	 * From EL0, and for the IRQ that ends WFI, SP_EL1 is known to be good. Everything else that
	 * comes from EL1 is the kernel's own fault, perhaps that of its stack: its frame goes to
	 * fault_stack, so that the vector cannot fault in turn. TPIDR_EL1 is used here alone.
	 */
	.macro	vector number, own_fault
	.balign	0x80
	.if	\own_fault
	msr	tpidr_el1, x0
	adrp	x0, fault_stack_top
	add	x0, x0, :lo12:fault_stack_top
	add	sp, sp, x0		/* SP and x0 change places */
	sub	x0, sp, x0
	sub	sp, sp, x0
	sub	sp, sp, #FRAME_SIZE
	str	x30, [sp, #FRAME_X30]
	str	x0, [sp, #FRAME_SP_EL1]
	mrs	x0, tpidr_el1
	.else
	sub	sp, sp, #FRAME_SIZE
	str	x30, [sp, #FRAME_X30]
	add	x30, sp, #FRAME_SIZE
	str	x30, [sp, #FRAME_SP_EL1]
	.endif
	bl	save_context
	hlt	#(GATE_VECTOR + \number)
	b	restore_context
	.endm

	.balign	0x800
	.global vectors
vectors:
	.irp	number, 0, 1, 2, 3, 4
	vector	\number, 1
	.endr
	vector	5, 0
	.irp	number, 6, 7
	vector	\number, 1
	.endr
	.irp	number, 8, 9, 10, 11, 12, 13, 14, 15
	vector	\number, 0
	.endr

	.section .rodata, "a"
	.global banner
banner:
	.asciz	"LevitateOS"

	.section .bss, "aw", %nobits
	.balign	PAGE_SIZE
	.global boot_args, kernel_bss, kernel_bss_end, pt_pool, boot_stack_guard, boot_stack, boot_stack_top, fault_stack_top
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
	.skip	FAULT_STACK_SIZE
fault_stack_top:
