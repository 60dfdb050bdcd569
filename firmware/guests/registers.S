/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Accesses to system registers that a guest at EL1 may not have, on QEMU's virt machine. After each
 * access, HLT #0x200 reports the number of exceptions so far in x25 and the syndrome of the last in
 * x26. QEMU cannot run this guest: it has no such gate.
 */

	.arch	armv8.3-a
	.section .start, "ax"
	.global _start
_start:
	b	start

	.include "level.inc"

	.section .text
start:
	mov	x3, #0x1234
	msr	cntfrq_el0, x3		/* at EL3: it changes */
	mrs	x2, cntfrq_el0
	hlt	#0x200
	drop_to_el1
	adr	x0, vectors
	msr	vbar_el1, x0
	mov	x25, #0
	msr	cntfrq_el0, xzr		/* below EL3: undefined */
	mrs	x2, cntfrq_el0
	hlt	#0x200
	mov	x4, #3
1:	mrs	x0, S3_0_C15_C2_0	/* not allocated */
	msr	S3_0_C15_C2_0, x0
	mrs	x0, S3_3_C11_C15_7	/* not allocated */
	mrs	x0, apiakeylo_el1	/* allocated, but no core of the board has it */
	subs	x4, x4, #1
	b.ne	1b
	hlt	#0x200
	mov	x5, #5			/* PMCR_EL0: E, C */
	msr	pmcr_el0, x5
	mov	x6, #0x80000000		/* PMCNTENSET_EL0.C */
	msr	pmcntenset_el0, x6
	mrs	x7, pmccntr_el0		/* cycles are instructions here */
	.rept	20
	nop
	.endr
	mrs	x8, pmccntr_el0
	sub	x25, x8, x7
	mov	x26, x7
	mov	x5, #1000
	msr	pmccntr_el0, x5
	mrs	x2, pmccntr_el0
	hlt	#0x200
	ldr	w0, =0x84000008		/* PSCI SYSTEM_OFF */
	hvc	#0
	b	.

	.ltorg
	.balign	0x800
vectors:
	.org	vectors + 0x200
	mrs	x26, esr_el1
	mrs	x27, elr_el1
	add	x27, x27, #4
	msr	elr_el1, x27
	add	x25, x25, #1
	eret
