/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starts programs that compute, all at once, and waits for them: two that count, two that check
 * their general registers, two that check the floating-point ones. Ends with 0 when each of them
 * did.
 *
 *     x19 pids   x20 children   x21 ended with 0   x22 index
 */

	.include "user.inc"

	.equ	CHILDREN, 6

	.section .bss
	.balign	8
pids:	.skip	CHILDREN * 8

	.section .text
	.macro start name
	spawn	"\name"
	str	x0, [x19, x20, lsl #3]
	add	x20, x20, #1
	.endm

	.global _start
_start:
	adr	x19, pids
	start	"count"
	start	"count"
	start	"regs"
	start	"regs"
	start	"fpu"
	start	"fpu"

	/* A child that could not be started has an error for its pid, which wait refuses. */
1:	ldr	x0, [x19, x22, lsl #3]
	call	wait
	cmp	x0, #0
	cinc	x21, x21, eq
	add	x22, x22, #1
	cmp	x22, x20
	b.lo	1b

	say	"mixed: "
	say_number x21
	say	" of "
	say_number x20
	say	" ended with 0\n"
	cmp	x20, x21
	cset	x0, ne
	call	exit
