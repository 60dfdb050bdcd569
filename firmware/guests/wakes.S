/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupts and time on QEMU's virt machine with two cores: wake-ups from WFI, the instruction at
 * which an interrupt is taken, and a wait for the counter. It reports by HLT #0x200, with a
 * tag in x0 and values in x1 to x4. QEMU cannot run this guest: it has no such gate.
 *
 *     tag 1 core 1 goes to sleep                      tag 2 it woke: x1 INTID, and the sending core for GICv2
 *     tag 3 core 0 sends SGI 1 and goes to sleep      tag 4 it woke: x1 INTID of the answer
 *     tag 5 core 0 arms a timer and sleeps            tag 6 it woke: x1 count, x2 comparison value, x3 INTID
 *     tag 7 a window of unmasked interrupts is over   x1 interrupts taken in all, x2 ELR of the last,
 *                                                     x3 address after the instruction that unmasked,
 *                                                     x4 which window
 *     tag 10 core 0 sends SGI 1 and loops             tag 11 core 1 answered in memory
 *     tag 12 after window 7                           x1 windows that it took
 *     tag 8 a wait for the counter begins             tag 9 it ended: x1 count, x2 count awaited
 *
 * x19 GICD   x20 GICC or this core's GICR   x25 interrupts taken   x26 ELR of the last   x28
 * version of the GIC
 */

	.section .start, "ax"
	.global _start
_start:
	b	start
	.balign	8
version: .quad	2	/* at offset 8: GIC version */
wait:	.quad	1000	/* at offset 16: counts that the wait at the end takes */
spin:	.quad	100000	/* at offset 24: turns of the loop before the last window */

	.include "level.inc"

	.balign	8
answers: .quad	0	/* wake-ups of core 1 */

	.equ	GICD, 0x08000000
	.equ	GICC, 0x08010000
	.equ	GICR, 0x080a0000
	.equ	ENABLED, (1 << 1) | (1 << 2) | (1 << 3) | (1 << 27) | (1 << 30)
	.equ	SLEEP, 2000

	.macro probe tag
	mov	x0, #\tag
	hlt	#0x200
	.endm

	.macro send sgi, core
	mov	x0, #\core
	mov	x1, #\sgi
	bl	send_sgi
	.endm

	/* Sleeps until the timer `name` expires after SLEEP counts. */
	.macro sleep_by name, counter
	mrs	x1, \counter
	add	x21, x1, #SLEEP
	msr	\name\()_cval_el0, x21
	mov	x1, #1
	msr	\name\()_ctl_el0, x1
	probe	5
	wfi
	mrs	x22, \counter
	bl	acknowledge
	msr	\name\()_ctl_el0, xzr
	bl	complete
	mov	x1, x22
	mov	x2, x21
	mov	x3, x24
	probe	6
	.endm

	/* Reports window `number`; label 7 is after its unmasking instruction. */
	.macro window_over number
	mov	x1, x25
	mov	x2, x26
	adr	x3, 7b
	mov	x4, #\number
	probe	7
	.endm

	.section .text
start:
	ldr	x28, version
	cmp	x28, #3
	b.ne	1f
	mov	x0, #0xf
	msr	S3_6_C12_C12_5, x0	/* ICC_SRE_EL3 */
	isb
	msr	S3_4_C12_C9_5, x0	/* ICC_SRE_EL2 */
1:	drop_to_el1
	bl	core_init
	ldr	w0, =0xc4000003		/* PSCI CPU_ON */
	mov	x1, #1
	adr	x2, core1
	hvc	#0

	/* Core 1 falls asleep, then each wakes the other. */
	mov	x9, #30000
2:	subs	x9, x9, #1
	b.ne	2b
	probe	3
	send	1, 1
	wfi
	bl	acknowledge
	mov	x1, x0
	bl	complete
	probe	4

	sleep_by cntp, cntpct_el0
	sleep_by cntv, cntvct_el0

	/* 1: DAIFClr, one instruction, DAIFSet, while an interrupt is pending. */
	send	3, 0
	nop
	nop
	msr	daifclr, #2
7:	nop
	msr	daifset, #2
	window_over 1

	/* 2: the same without the instruction between. */
	send	3, 0
	msr	daifclr, #2
7:	msr	daifset, #2
	window_over 2

	/* 3: MSR DAIF. */
	send	3, 0
	mrs	x21, daif
	bic	x22, x21, #(1 << 7)
	msr	daif, x22
7:	msr	daif, x21
	window_over 3

	/* 4: an exception return. */
	send	3, 0
	mov	x21, #0x345
	msr	spsr_el1, x21
	adr	x21, 7f
	msr	elr_el1, x21
	eret
7:	msr	daifset, #2
	window_over 4

	/* 5: a timer that expires while a loop opens a window in every turn. */
	mrs	x21, cntpct_el0
	add	x21, x21, #SLEEP
	msr	cntp_cval_el0, x21
	mov	x21, #1
	msr	cntp_ctl_el0, x21
	mov	x22, x25
1:	mov	x21, #9
2:	subs	x21, x21, #1
	b.ne	2b
	msr	daifclr, #2
7:	msr	daifset, #2
	cmp	x22, x25
	b.eq	1b
	window_over 5

	/* 6: one window after a long time in a loop with interrupts masked. */
	send	3, 0
	ldr	x21, spin
1:	nop
	subs	x21, x21, #1
	b.ne	1b
	msr	daifclr, #2
7:	msr	daifset, #2
	window_over 6

	/* 7: as 5, with an interrupt that was pending for very long; x24 windows were opened. */
	send	3, 0
	mov	x22, x25
	ldr	x21, =100000
1:	subs	x21, x21, #1
	b.ne	1b
	mov	x23, #0
1:	mov	x21, #9
2:	subs	x21, x21, #1
	b.ne	2b
	add	x23, x23, #1
	msr	daifclr, #2
7:	msr	daifset, #2
	cmp	x22, x25
	b.eq	1b
	window_over 7
	mov	x1, x23
	probe	12

	/* Core 1 is woken and answers in memory. */
	adr	x21, answers
	ldr	x22, [x21]
	probe	10
	send	1, 1
1:	ldr	x23, [x21]
	cmp	x22, x23
	b.eq	1b
	probe	11

	ldr	x22, wait
	probe	8
	mrs	x1, cntvct_el0
	add	x2, x1, x22
1:	mrs	x1, cntvct_el0
	cmp	x1, x2
	b.lo	1b
	probe	9

	ldr	w0, =0x84000008		/* PSCI SYSTEM_OFF */
	hvc	#0
	b	.

core1:
	ldr	x28, version
	bl	core_init
1:	probe	1
	wfi
	bl	acknowledge
	mov	x1, x0
	bl	complete
	probe	2
	adr	x21, answers
	ldr	x22, [x21]
	add	x22, x22, #1
	str	x22, [x21]
	send	2, 0
	b	1b

	/* The distributor and this core's interface: all in ENABLED is delivered as an IRQ. */
core_init:
	adr	x0, vectors
	msr	vbar_el1, x0
	mov	x25, #0
	ldr	x19, =GICD
	ldr	w2, =ENABLED
	cmp	x28, #3
	b.eq	1f
	mov	w0, #1
	str	w0, [x19]		/* GICD_CTLR: enable */
	str	w2, [x19, #0x100]	/* GICD_ISENABLER0 */
	ldr	x20, =GICC
	mov	w1, #0xff
	str	w1, [x20, #4]		/* GICC_PMR */
	str	w0, [x20]		/* GICC_CTLR */
	ret
1:	mov	w0, #0x12
	str	w0, [x19]		/* GICD_CTLR: affinity routing, group 1 */
	mrs	x0, mpidr_el1
	and	x0, x0, #0xff
	ldr	x20, =GICR
	add	x20, x20, x0, lsl #17
	str	wzr, [x20, #0x14]	/* GICR_WAKER */
2:	ldr	w0, [x20, #0x14]
	tbnz	w0, #2, 2b		/* ChildrenAsleep */
	add	x20, x20, #0x10000
	mov	w0, #-1
	str	w0, [x20, #0x80]	/* GICR_IGROUPR0 */
	str	w2, [x20, #0x100]	/* GICR_ISENABLER0 */
	mov	x0, #7
	msr	S3_0_C12_C12_5, x0	/* ICC_SRE_EL1 */
	isb
	mov	x0, #0xff
	msr	S3_0_C4_C6_0, x0	/* ICC_PMR_EL1 */
	mov	x0, #1
	msr	S3_0_C12_C12_7, x0	/* ICC_IGRPEN1_EL1 */
	isb
	ret

	/* SGI x1 to core x0. */
send_sgi:
	mov	x2, #1
	lsl	x2, x2, x0
	cmp	x28, #3
	b.eq	1f
	orr	x1, x1, x2, lsl #16
	str	w1, [x19, #0xf00]	/* GICD_SGIR */
	ret
1:	orr	x1, x2, x1, lsl #24
	msr	S3_0_C12_C11_5, x1	/* ICC_SGI1R_EL1 */
	isb
	ret

	/* x0 and x24 are what the interface says. */
acknowledge:
	cmp	x28, #3
	b.eq	1f
	ldr	w24, [x20, #0xc]	/* GICC_IAR */
	mov	x0, x24
	ret
1:	mrs	x24, S3_0_C12_C12_0	/* ICC_IAR1_EL1 */
	mov	x0, x24
	ret

	/* Ends the interrupt in x24. */
complete:
	cmp	x28, #3
	b.eq	1f
	str	w24, [x20, #0x10]	/* GICC_EOIR */
	ret
1:	msr	S3_0_C12_C12_1, x24	/* ICC_EOIR1_EL1 */
	ret

	.ltorg
	.balign	0x800
vectors:
	.org	vectors + 0x280
	mrs	x26, elr_el1
	mov	x27, x0
	add	x25, x25, #1
	msr	cntp_ctl_el0, xzr
	mov	x17, x30
	bl	acknowledge
	bl	complete
	mov	x30, x17
	mov	x0, x27
	eret
