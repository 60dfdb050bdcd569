/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Timer interrupts at irregular times in straight-line code of different lengths, on all cores of
 * the board (GICv2, QEMU's virt machine). Each core hashes the place and time of every interrupt,
 * and its computation depends on the hash. So a run in which one interrupt comes an instruction
 * later ends differently.
 *
 * x21 interrupts left   x22 data of this core   x23 hash   x24 interval   x19 GICD   x20 GICC
 */

	.section .start, "ax"
	.global _start
_start:
	b	start
	.balign	8
cores:	.quad	1	/* at offset 8 */

	.include "level.inc"

	.equ	GICD, 0x08000000
	.equ	GICC, 0x08010000
	.equ	VIRTUAL_TIMER, 1 << 27
	.equ	INTERRUPTS, 400
	.equ	DATA, 0x42000000

	.macro	mix value
	eor	x23, x23, \value
	ror	x23, x23, #11
	madd	x23, x23, x18, \value
	.endm

	.section .text
start:
	drop_to_el1
	ldr	x19, cores
	mov	x20, #1
1:	cmp	x20, x19
	b.hs	core
	ldr	w0, =0xc4000003		/* PSCI CPU_ON */
	mov	x1, x20
	adr	x2, core
	hvc	#0
	add	x20, x20, #1
	b	1b

core:
	adr	x0, vectors
	msr	vbar_el1, x0
	mrs	x0, mpidr_el1
	and	x0, x0, #0xff
	ldr	x22, =DATA
	add	x22, x22, x0, lsl #12
	add	x1, x22, #0xf00
	mov	sp, x1
	mov	x21, #INTERRUPTS
	mov	x23, x0
	ldr	x18, =0x9e3779b97f4a7c15
	mov	x24, #3
	ldr	x19, =GICD
	ldr	x20, =GICC
	mov	w0, #1
	str	w0, [x19]		/* GICD_CTLR */
	mov	w1, #VIRTUAL_TIMER
	str	w1, [x19, #0x100]	/* GICD_ISENABLER0 */
	mov	w1, #0xff
	str	w1, [x20, #4]		/* GICC_PMR */
	str	w0, [x20]		/* GICC_CTLR */
	mov	x1, #1
	msr	cntv_ctl_el0, x1
	bl	arm
	msr	daifclr, #2

	/* The work: lines of 1 to 90 instructions, joined by all kinds of branches. */
work:
	.macro	line length
	.rept	\length
	add	x5, x5, x23
	.endr
	str	x5, [x22, #8 * (\length % 64)]
	ldr	x6, [x22, #8 * ((\length + 7) % 64)]
	cbz	x6, 9f
	add	x5, x5, x6
9:
	.endm
	line	1
	line	2
	line	90
	line	5
	bl	leaf
	line	40
	line	63
	line	64
	tbnz	x5, #3, 8f
	line	13
8:	line	66
	mrs	x7, cntvct_el0
	add	x5, x5, x7
	line	17
	cbnz	x21, work
	msr	daifset, #2
	str	x23, [x22, #0x800]
1:	wfi
	b	1b

leaf:
	.rept	30
	eor	x5, x5, x5, lsr #7
	.endr
	ret

	/* The next interrupt, 3 to 130 counts from now: 48 to 2,080 instructions. */
arm:
	ubfx	x0, x23, #5, #7
	add	x0, x0, #3
	msr	cntv_tval_el0, x0
	ret

	.ltorg
	.balign	0x800
vectors:
	.org	vectors + 0x280
	stp	x0, x30, [sp, #-16]!
	ldr	w28, [x20, #0xc]	/* GICC_IAR */
	mrs	x27, elr_el1
	mix	x27
	mrs	x27, cntvct_el0
	mix	x27
	mix	x5
	str	x23, [x22, #0x808]
	subs	x21, x21, #1
	b.hi	1f
	mov	x21, #0
	msr	cntv_ctl_el0, xzr
1:	bl	arm
	str	w28, [x20, #0x10]	/* GICC_EOIR */
	ldp	x0, x30, [sp], #16
	eret
