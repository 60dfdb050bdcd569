/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Counts, and prints the count now and then. Between two lines it executes more instructions than a
 * tick of 10 ms has at 1 GHz, so two of these programs alternate.
 *
 *     x19 pid   x20 count
 */

	.include "user.inc"

	.equ	LINES, 5
	.equ	ROUNDS, 6000000		/* of two instructions */

	.global _start
_start:
	call	getpid
	mov	x19, x0
count:
	add	x20, x20, #1
	ldr	x0, =ROUNDS
1:	subs	x0, x0, #1
	b.ne	1b
	say	"count "
	say_number x19
	say	": "
	say_number x20
	say	"\n"
	cmp	x20, #LINES
	b.lo	count
	exit	#0
	.ltorg
