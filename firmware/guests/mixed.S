/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that interrupts straight-line code, in random order: supervisor calls, undefined
 * instructions, breakpoints, loads and stores of unmapped addresses, UART output and status, reads
 * of the counter, gates, loops. Every exception and every value of the counter is hashed into x22.
 * The guest ends in WFI. `rounds` is at offset 8.
 *
 *     x19 state of the generator   x20 rounds left           x21 exceptions   x22 hash
 *                                  x23 belongs to the gate   x24 memory       x25 UART
 */

	.section .start, "ax"
	.global _start
_start:
	b	start
	.balign	8
	.global rounds
rounds:	.quad	500

	.include "pl011.inc"
	.include "level.inc"

	.equ	HOLE, 0x0f000000
	.equ	MEMORY, 0x42000000
	.equ	GATE, 0x123

	.section .text
start:
	drop_to_el1
	adr	x0, vectors
	msr	vbar_el1, x0
	uart_init
	ldr	x19, =0x9e3779b97f4a7c15
	ldr	x20, rounds
	mov	x21, #0
	mov	x22, #0
	mov	x23, #0
	ldr	x24, =MEMORY
	ldr	x25, =UART_BASE
	ldr	x26, =6364136223846793005
	ldr	x27, =1442695040888963407

round:
	madd	x19, x19, x26, x27
	lsr	x0, x19, #60
	adr	x1, actions
	add	x1, x1, x0, lsl #4
	br	x1

	/* Four instructions each. */
	.balign	16
actions:
	svc	#1
	b	next
	.balign	16
	brk	#2
	b	next
	.balign	16
	udf	#3
	b	next
	.balign	16
	mov	x2, #HOLE
	ldr	x3, [x2, #8]!
	b	next
	.balign	16
	mov	x2, #HOLE
	stp	x3, x4, [x2], #16
	b	next
	.balign	16
	mov	w2, #'.'
	str	w2, [x25]
	b	next
	.balign	16
	ldr	w2, [x25, #0x18]
	eor	x22, x22, x2
	b	next
	.balign	16
	mrs	x2, cntpct_el0
	eor	x22, x22, x2
	b	next
	.balign	16
	hlt	#GATE
	eor	x22, x22, x23
	b	next
	.balign	16
	hlt	#(GATE + 1)		/* no gate: undefined */
	b	next
	.balign	16
	mov	x2, #50
1:	subs	x2, x2, #1
	b.ne	1b
	b	next
	.balign	16
	str	x22, [x24], #8
	mrs	x2, cntvct_el0
	b	next
	.balign	16
	mov	x2, #HOLE
	br	x2			/* returns to next through the vector */
	.balign	16
	hvc	#0			/* x0 is no function */
	b	next
	.balign	16
	smc	#0			/* undefined */
	b	next
	.balign	16
	mrs	x2, S3_0_C15_C1_1
	b	next
	.balign	16
next:
	ror	x22, x22, #7
	add	x22, x22, x19
	subs	x20, x20, #1
	b.ne	round
	str	x22, [x24], #8
2:	wfi
	b	2b

	.ltorg
	.balign	0x800
vectors:
	.org	vectors + 0x200
	add	x21, x21, #1
	mrs	x10, esr_el1
	mrs	x11, elr_el1
	mrs	x12, far_el1
	eor	x22, x22, x10
	ror	x22, x22, #13
	add	x22, x22, x11
	ror	x22, x22, #17
	eor	x22, x22, x12
	adr	x11, next
	msr	elr_el1, x11
	eret
