/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trials of exceptions that are taken to EL1, from EL0, EL1 on SP_EL0 and EL1 on SP_EL1, with the
 * MMU on.
 *
 *     virtual                              physical
 *     0x0900_0000  2 MiB  UART             the same, EL1 only
 *     0x4000_0000  2 MiB  this image       the same, read-only, executable at both levels
 *     0x4020_0000  2 MiB  data             the same, EL0 and EL1
 *     0x4040_0000  2 MiB  constants        the same, read-only for both
 *     0x4060_0000  2 MiB  nothing answers  0x0f00_0000, EL0 and EL1 for data
 *     0x4080_0000  table that nothing answers
 *     0x40a0_0000  not mapped at level 2
 *     0x40c0_0000  page 0 data, page 1 not mapped, page 2 access flag clear, page 3 data, page 4 nothing answers
 *     0x40e0_0000  2 MiB  access flag clear
 *     0x4100_0000  2 MiB  nothing answers  0x0f00_0000, read-only, executable at both levels
 *     0x4200_0000  2 MiB  records, stacks  the same, EL1 only, never executable
 *     0x8000_0000  1 GiB  output address beyond 32 bits
 */

	.section .start, "ax"
	.global _start
_start:
	b	start

	.equ	SCRATCH, 0x42000000
	.include "pl011.inc"
	.include "trials.inc"

	.equ	TABLES, SCRATCH + 0x40000	/* level 1, two of level 2, one of level 3 */
	.equ	DATA, 0x40200000
	.equ	CONSTANTS, 0x40400000
	.equ	NOTHING, 0x40600000
	.equ	LOST_TABLE, 0x40800000
	.equ	UNMAPPED, 0x40a00000
	.equ	PAGES, 0x40c00000
	.equ	NO_ACCESS_FLAG, 0x40e00000
	.equ	NOTHING_CODE, 0x41000000
	.equ	FAR_OUTPUT, 0x80000000
	.equ	IMAGE, 0x40000000
	.equ	HOLE, 0x0f000000

	/* Descriptors: access flag, inner shareable, attribute 0 normal or 1 device. */
	.equ	BLOCK_CODE, 0x7c1		/* AP 11: read-only at both levels */
	.equ	BLOCK_DEVICE, 0x60000000000405	/* EL1 only, never executable */
	.equ	BLOCK_KERNEL, 0x60000000000701
	.equ	BLOCK_SHARED, 0x60000000000741	/* AP 01: read-write at both levels */
	.equ	BLOCK_CONSTANT, 0x600000000007c1
	.equ	BLOCK_NO_FLAG, 0x60000000000341
	.equ	PAGE_SHARED, 0x60000000000743
	.equ	PAGE_NO_FLAG, 0x60000000000343

	/* RES1, M, C, I; SA, SA0 and A clear; EL0 may do nothing. */
	.equ	SCTLR_BASE, 0x30d00800 | 1 | (1 << 2) | (1 << 12)

	.section .text
start:
	mov	x0, #0x531		/* SCR_EL3: NS, RW, HCE */
	msr	scr_el3, x0
	msr	cptr_el3, xzr
	mov	x0, #(1 << 31)
	msr	hcr_el2, x0
	mov	x0, #0x33ff
	msr	cptr_el2, x0
	ldr	x0, =0x30d00800
	msr	sctlr_el1, x0
	mov	x0, #0x3c5
	msr	spsr_el3, x0
	adr	x0, 1f
	msr	elr_el3, x0
	isb
	eret

1:	adr	x0, vectors
	msr	vbar_el1, x0
	msr	cntkctl_el1, xzr
	uart_init
	bl	make_tables
	ldr	x0, =0xff		/* attribute 0 write-back, attribute 1 nGnRnE */
	msr	mair_el1, x0
	ldr	x0, =0x803519		/* T0SZ 25, 4 KiB, write-back walks, EPD1, 32-bit output */
	msr	tcr_el1, x0
	ldr	x0, =TABLES
	msr	ttbr0_el1, x0
	isb
	bl	controls
	all_trials

make_tables:
	ldr	x0, =TABLES
	mov	x1, x0
	mov	x2, #(0x4000 / 16)
3:	stp	xzr, xzr, [x1], #16
	subs	x2, x2, #1
	b.ne	3b
	add	x1, x0, #0x1000		/* level 2 of 0x0000_0000 */
	add	x2, x0, #0x2000		/* level 2 of 0x4000_0000 */
	add	x3, x0, #0x3000		/* level 3 of 0x40c0_0000 */
	orr	x4, x1, #3
	str	x4, [x0]
	orr	x4, x2, #3
	str	x4, [x0, #8]
	ldr	x4, =0x100000000 | BLOCK_SHARED
	str	x4, [x0, #16]
	ldr	x4, =0x09000000 | BLOCK_DEVICE
	str	x4, [x1, #(0x09000000 >> 21) * 8]
	ldr	x4, =IMAGE | BLOCK_CODE
	str	x4, [x2]
	ldr	x4, =SCRATCH | BLOCK_KERNEL
	str	x4, [x2, #128]
	ldr	x4, =DATA | BLOCK_SHARED
	str	x4, [x2, #8]
	ldr	x4, =CONSTANTS | BLOCK_CONSTANT
	str	x4, [x2, #16]
	ldr	x4, =HOLE | BLOCK_SHARED
	str	x4, [x2, #24]
	ldr	x4, =HOLE | 3		/* a table at an address without memory */
	str	x4, [x2, #32]
	orr	x4, x3, #3
	str	x4, [x2, #48]
	ldr	x4, =DATA | BLOCK_NO_FLAG
	str	x4, [x2, #56]
	ldr	x4, =HOLE | BLOCK_CODE
	str	x4, [x2, #64]
	ldr	x4, =DATA | PAGE_SHARED
	str	x4, [x3]
	ldr	x4, =DATA | PAGE_NO_FLAG
	str	x4, [x3, #16]
	ldr	x4, =(DATA + 0x1000) | PAGE_SHARED
	str	x4, [x3, #24]
	ldr	x4, =HOLE | PAGE_SHARED
	str	x4, [x3, #32]
	dsb	sy
	ret

	/* Control registers at the start of a trial; its set-up may change them. */
controls:
	mov	x0, #(3 << 20)
	msr	cpacr_el1, x0
	ldr	x0, =SCTLR_BASE
	msr	sctlr_el1, x0
	isb
	tlbi	vmalle1
	dsb	nsh
	isb
	ret

strict_alignment:
	ldr	x0, =SCTLR_BASE | 2
	b	set_sctlr
user_rights:				/* DZE, UCT, nTWI, nTWE */
	ldr	x0, =SCTLR_BASE | (1 << 14) | (1 << 15) | (1 << 16) | (1 << 18)
	b	set_sctlr
user_masks:				/* UMA */
	ldr	x0, =SCTLR_BASE | (1 << 9)
set_sctlr:
	msr	sctlr_el1, x0
	isb
	ret
no_fp:
	msr	cpacr_el1, xzr
	isb
	ret
no_fp_at_el0:
	mov	x0, #(1 << 20)
	msr	cpacr_el1, x0
	isb
	ret

	.ltorg
	.balign	8
states:	/* NZCV differs; EL0 with DAIF clear */
	.quad	0x80000000, name_el0, 0xa00003c4, name_el1t, 0x600003c5, name_el1h, 0, 0
name_el0:	.asciz	"EL0"
name_el1t:	.asciz	"EL1t"
name_el1h:	.asciz	"EL1h"
	.balign	8

	.equ	ALL, 7
	.equ	EL0, 1
	.equ	EL1H, 4

	.pushsection .trials, "a"
__trials:
	.popsection

	trial	ALL, "svc"
	svc	#0x1234
	done
	trial	ALL, "brk"
	brk	#0xf0f0
	done
	trial	ALL, "udf"
	udf	#0
	done
	trial	ALL, "hlt that is no gate"
	hlt	#0x77
	done
	trial	ALL, "unallocated"
	.inst	0xe7ffffff
	done
	trial	EL0, "hvc at EL0"
	hvc	#1
	done
	trial	EL0, "smc at EL0"
	smc	#1
	done
	trial	EL0, "eret at EL0"
	eret
	done
	trial	ALL, "register that does not exist"
	mrs	x0, S3_0_C15_C7_6
	done
	trial	ALL, "EL2 register"
	mrs	x0, vbar_el2
	done
	trial	ALL, "EL3 register"
	msr	scr_el3, x0
	done
	trial	EL0, "EL1 register"
	mrs	x0, sctlr_el1
	done
	trial	EL0, "EL1 register written"
	msr	vbar_el1, x0
	done
	trial	EL0, "counter frequency without the right"
	mrs	x3, cntfrq_el0
	done
	trial	EL0, "virtual counter without the right"
	mrs	x3, cntvct_el0
	done
	trial	EL0, "physical counter without the right"
	mrs	x3, cntpct_el0
	done
	trial	EL0, "ctr without the right"
	mrs	x3, ctr_el0
	done
	trial	EL0, "ctr with the right", user_rights
	mrs	x3, dczid_el0
	done
	trial	EL0, "wfi without the right"
	wfi
	done
	trial	EL0, "wfe without the right"
	wfe
	done
	trial	EL0, "daifset without the right"
	msr	daifset, #2
	done
	trial	EL0, "daifset with the right", user_masks
	msr	daifset, #2
	done
	trial	EL0, "dc zva without the right"
	ldr	x1, =DATA
	dc	zva, x1
	done
	trial	ALL, "fp off", no_fp
	fmov	d0, x1
	done
	trial	ALL, "fp off at EL0", no_fp_at_el0
	fmov	d0, x1
	done
	trial	ALL, "simd load with fp off", no_fp
	ldr	q0, [x1]
	done
	trial	ALL, "nothing happens"
	mov	x0, #1
	done
	.ltorg

	/* Translation. */
	trial	ALL, "read, level 0 translation"
	ldr	x1, =0xfffffff000000008
	ldr	x0, [x1]
	done
	trial	ALL, "read, high half is off"
	ldr	x1, =0xffffffc012345678
	ldr	x0, [x1]
	done
	trial	ALL, "read, level 1 translation"
	ldr	x1, =0xc0000123
	ldrb	w0, [x1]
	done
	trial	ALL, "read, level 2 translation"
	ldr	x1, =UNMAPPED
	ldr	x0, [x1, #8]!
	done
	trial	ALL, "read, level 3 translation"
	ldr	x1, =PAGES + 0x1010
	ldr	x0, [x1], #8
	done
	trial	ALL, "write, level 2 translation"
	ldr	x1, =UNMAPPED
	str	x0, [x1, #-8]!
	done
	trial	ALL, "write, level 3 translation"
	ldr	x1, =PAGES + 0x1ff0
	stp	x0, x2, [x1], #-16
	done
	trial	ALL, "read across the end of a page"
	ldr	x1, =PAGES + 0xffc
	ldr	x0, [x1]
	done
	trial	ALL, "pair across the end of a page"
	ldr	x1, =PAGES + 0xff8
	ldp	x2, x3, [x1]
	done
	trial	ALL, "write across the end of a page"
	ldr	x1, =PAGES + 0xffe
	str	w0, [x1]
	done
	trial	ALL, "write to constants"
	ldr	x1, =CONSTANTS + 0x40
	str	w0, [x1, #4]
	done
	trial	EL0, "read of EL1 data"
	ldr	x1, =SCRATCH + 0x1000
	ldr	x0, [x1]
	done
	trial	EL0, "write of EL1 data"
	ldr	x1, =SCRATCH + 0x1000
	str	x0, [x1]
	done
	trial	EL1H, "unprivileged read of EL1 data"
	ldr	x1, =SCRATCH + 0x1000
	ldtr	x0, [x1]
	done
	trial	ALL, "access flag, level 2"
	ldr	x1, =NO_ACCESS_FLAG + 0x123
	ldrb	w0, [x1]
	done
	trial	ALL, "access flag, level 3"
	ldr	x1, =PAGES + 0x2004
	str	w0, [x1]
	done
	trial	ALL, "address size"
	ldr	x1, =FAR_OUTPUT + 0x18
	ldr	x0, [x1]
	done
	trial	ALL, "exclusive load"
	ldr	x1, =UNMAPPED
	ldxr	x0, [x1]
	done
	trial	ALL, "simd structure load"
	ldr	x1, =UNMAPPED + 0x20
	ld1	{v0.16b, v1.16b}, [x1], #32
	done
	trial	ALL, "dc zva of nothing", user_rights
	ldr	x1, =UNMAPPED + 0x20
	dc	zva, x1
	done
	.ltorg

	/* Execution. */
	trial	ALL, "branch to nothing"
	ldr	x1, =UNMAPPED + 0x100
	br	x1
	done
	trial	ALL, "branch to data"
	ldr	x1, =DATA + 0x20
	br	x1
	done
	trial	ALL, "branch to an odd address"
	adr	x1, . + 0x101
	br	x1
	done
	trial	ALL, "branch to two beyond a word"
	ldr	x1, =IMAGE + 0x102
	blr	x1
	done
	trial	ALL, "branch to the high half"
	ldr	x1, =0xffffffc000001000
	br	x1
	done

	/* Alignment. */
	trial	ALL, "unaligned with SCTLR.A clear"
	ldr	x1, =DATA + 0x201
	str	x0, [x1]
	ldr	x0, [x1]
	done
	trial	ALL, "unaligned with SCTLR.A set, read", strict_alignment
	ldr	x1, =DATA + 0x201
	ldrh	w0, [x1]
	done
	trial	ALL, "unaligned with SCTLR.A set, write", strict_alignment
	ldr	x1, =DATA + 0x204
	str	x0, [x1], #8
	done
	trial	ALL, "unaligned exclusive"
	ldr	x1, =DATA + 0x204
	ldxr	x0, [x1]
	done
	trial	ALL, "unaligned acquire"
	ldr	x1, =DATA + 0x202
	ldar	w0, [x1]
	done
	.ltorg

	/* ERET to a state that this core does not have sets PSTATE.IL. */
	trial	EL1H, "illegal return to EL2"
	mov	x0, #0x3c9
	msr	spsr_el1, x0
	adr	x0, 1f
	msr	elr_el1, x0
	eret
1:	nop
	done
	trial	EL1H, "illegal return to a reserved mode"
	mov	x0, #0x3c2
	msr	spsr_el1, x0
	adr	x0, 1f
	msr	elr_el1, x0
	eret
1:	nop
	done

	/* External aborts: the translation succeeds, nothing answers at the physical address. */
	.macro	lost name:req, code:vararg
	trial	ALL, "nothing answers: \name"
	ldr	x1, =NOTHING + 0x1000
	\code
	done
	.endm
	lost	"ldr", ldr x0, [x1]
	lost	"ldrb", ldrb w0, [x1, #3]
	lost	"ldrsh", ldrsh x0, [x1, #6]
	lost	"ldr unscaled", ldur x0, [x1, #-8]
	lost	"ldr pre-indexed", ldr x0, [x1, #16]!
	lost	"ldr post-indexed", ldr x0, [x1], #16
	lost	"ldp", ldp x2, x3, [x1, #16]
	lost	"ldp post-indexed", ldp x2, x3, [x1], #16
	lost	"ldp pre-indexed w", ldp w2, w3, [x1, #-8]!
	lost	"ldpsw", ldpsw x2, x3, [x1, #8]
	lost	"ldr q", ldr q0, [x1, #32]
	lost	"ldr b", ldr b0, [x1, #1]
	lost	"ldp q", ldp q0, q1, [x1, #32]
	lost	"ldnp", ldnp x2, x3, [x1, #-16]
	lost	"ld1", ld1 {v0.2d, v1.2d}, [x1], #32
	lost	"ld4 lane", ld4 {v0.s, v1.s, v2.s, v3.s}[1], [x1]
	lost	"ldxr", ldxr x0, [x1]
	lost	"ldaxp", ldaxp x2, x3, [x1]
	lost	"ldar", ldar w0, [x1]
	lost	"str", str x0, [x1]
	lost	"strh", strh w0, [x1, #2]
	lost	"str pre-indexed", str x0, [x1, #-16]!
	lost	"str post-indexed", str w0, [x1], #4
	lost	"stp pre-indexed", stp x2, x3, [x1, #-32]!
	lost	"str q", str q0, [x1, #16]
	lost	"stp q", stp q0, q1, [x1], #32
	lost	"st1", st1 {v0.8b}, [x1]
	lost	"stlr", stlr x0, [x1]
	lost	"dc zva", dc zva, x1
	.ltorg

	trial	ALL, "nothing answers: register offset, shifted"
	ldr	x1, =NOTHING
	mov	x2, #5
	ldr	x0, [x1, x2, lsl #3]
	done
	trial	ALL, "nothing answers: register offset, sign-extended"
	ldr	x1, =NOTHING + 0x1000
	mov	w2, #-16
	str	w0, [x1, w2, sxtw]
	done
	trial	ALL, "nothing answers: register offset, zero-extended"
	ldr	x1, =NOTHING
	ldr	x2, =0xffffffff00000040
	ldr	w0, [x1, w2, uxtw #2]
	done
	trial	ALL, "nothing answers: negative register offset"
	ldr	x1, =NOTHING + 0x1000
	mov	x2, #-64
	ldrb	w0, [x1, x2, sxtx]
	done
	trial	ALL, "nothing answers: exclusive pair of load and store"
	ldr	x1, =NOTHING
	stxr	w0, x2, [x1]		/* fails without an access: no exclusive access is open */
	done
	trial	EL1H, "nothing answers: unprivileged load"
	ldr	x1, =NOTHING
	ldtr	x0, [x1, #8]
	done
	trial	ALL, "prefetch is no access"
	ldr	x1, =NOTHING
	prfm	pldl1keep, [x1]
	done
	trial	ALL, "nothing answers: into the hole, read"
	ldr	x1, =PAGES + 0x3ffc
	ldr	x0, [x1]
	done
	trial	ALL, "nothing answers: into the hole, pair"
	ldr	x1, =PAGES + 0x3ff8
	ldp	x2, x3, [x1]
	done
	trial	ALL, "nothing answers: into the hole, pair written"
	ldr	x1, =PAGES + 0x3ff8
	stp	x2, x3, [x1], #16
	done
	trial	ALL, "nothing answers: instruction fetch"
	ldr	x1, =NOTHING_CODE + 0x400
	br	x1
	done
	trial	ALL, "nothing answers: page table, read"
	ldr	x1, =LOST_TABLE + 0x3008
	ldr	x0, [x1]
	done
	trial	ALL, "nothing answers: page table, write"
	ldr	x1, =LOST_TABLE + 0x3008
	str	x0, [x1]
	done
	trial	ALL, "nothing answers: page table, execution"
	ldr	x1, =LOST_TABLE + 0x3008
	br	x1
	done
	.ltorg

	.pushsection .trials, "a"
__trials_end:
	.popsection
