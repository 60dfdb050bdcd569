/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cores of QEMU's virt machine wait for each other by WFE, SEV, SEVL and YIELD. A core reports by
 * HLT #0x200, with a tag in x0 and values in x1 and x2. QEMU cannot run this guest: it has no such
 * gate.
 *
 *     what 1  one core alone, which at last waits forever          tag 1 SEVL, then SEV, let a WFE pass
 *                                                                  tag 2 the event stream ended a WFE
 *                                                                        x1 count before, x2 after
 *     what 2  core 1 waits in a loop with WFE for a word that      tag 3 x1 its turns of the loop
 *             core 0 stores after a while, without SEV
 *     what 3  the same with YIELD                                  tag 3
 *     what 4  both increment a counter under a lock; they wait     tag 4 x1 the counter
 *             for it by LDAXR and WFE
 *     what 5  core 1 loops, then waits by WFE; core 0 sends SEV    tag 5 core 1 goes on
 *             and sleeps
 */

	.section .start, "ax"
	.global _start
_start:
	b	start
	.balign	8
what:	.quad	1	/* at offset 8 */
	/* At offset 16: turns of core 0's loop of 1000 instructions, or increments of each core. */
rounds:	.quad	1000

	.include "level.inc"

	.balign	64
lock:	.word	0
	.balign	64
counter: .quad	0
	.balign	64
word:	.quad	0

	.equ	EVENT_STREAM, (8 << 4) | (1 << 2)	/* CNTKCTL_EL1: a rising bit 8 */

	.macro probe tag
	mov	x0, #\tag
	hlt	#0x200
	.endm

	.section .text
start:
	drop_to_el1
	ldr	x20, what
	ldr	x21, rounds
	adr	x22, word
	cmp	x20, #1
	b.eq	alone
	ldr	w0, =0xc4000003		/* PSCI CPU_ON */
	mov	x1, #1
	adr	x2, core1
	hvc	#0
	cmp	x20, #4
	b.eq	locked
	cmp	x20, #5
	b.eq	send
	/* Not a small loop, which would have short turns. */
1:	.rept	998
	nop
	.endr
	subs	x21, x21, #1
	b.ne	1b
	mov	x1, #1
	str	x1, [x22]
1:	wfi
	b	1b
send:	subs	x21, x21, #1
	b.ne	send
	sev
	b	1b

core1:	ldr	x20, what
	ldr	x21, rounds
	adr	x22, word
	mov	x1, #0
	cmp	x20, #4
	b.eq	locked
	cmp	x20, #5
	b.eq	sent
1:	add	x1, x1, #1
	ldr	x2, [x22]
	cbnz	x2, 3f
	cmp	x20, #3
	b.eq	2f
	wfe
	b	1b
2:	yield
	b	1b
3:	probe	3
off:	ldr	w0, =0x84000008		/* PSCI SYSTEM_OFF */
	hvc	#0
	b	.
sent:	wfe				/* passes */
	wfe
	probe	5
	b	off

	/*
	 * A lock as kernels write it: who waits is woken by the store that frees it, for which its
	 * LDAXR asked.
	 */
locked:	adr	x23, lock
	adr	x24, counter
	mov	w25, #1
1:	sevl
2:	wfe
3:	ldaxr	w1, [x23]
	cbnz	w1, 2b
	stxr	w2, w25, [x23]
	cbnz	w2, 3b
	ldr	x1, [x24]
	add	x1, x1, #1
	str	x1, [x24]
	stlr	wzr, [x23]
	subs	x21, x21, #1
	b.ne	1b
	mrs	x1, mpidr_el1
	tst	x1, #0xff
	b.eq	1f
	mov	x1, #1
	str	x1, [x22]
	sev
	b	.
1:	ldr	x1, [x22]
	cbnz	x1, 2f
	wfe
	b	1b
2:	ldr	x1, [x24]
	probe	4
	b	off

	/* Each hint in a block of its own. */
alone:	sevl
	b	1f
1:	wfe
	b	1f
1:	sev
	b	1f
1:	wfe
	probe	1
	mov	x3, #EVENT_STREAM
	msr	cntkctl_el1, x3
	mov	x4, #3
1:	mrs	x1, cntvct_el0
	wfe
	mrs	x2, cntvct_el0
	probe	2
	subs	x4, x4, #1
	b.ne	1b
	msr	cntkctl_el1, xzr
	wfe
	probe	6
