/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Starts children in batches; all of a batch are alive at once. Waits for each and compares its
 * status with the expected one. Ends with 0 when all were as expected.
 *
 *     x19 batches left   x20 children started   x21 ended with their own status   x22 index in the batch   x23 pids
 */

	.include "user.inc"

	.equ	BATCHES, 40
	.equ	BATCH, 25

	.section .bss
	.balign	8
pids:	.skip	BATCH * 8

	.section .text
	.global _start
_start:
	mov	x19, #BATCHES
	adr	x23, pids
batch:
	mov	x22, #0
1:	spawn	"child"
	tbnz	x0, #63, refused
	str	x0, [x23, x22, lsl #3]
	add	x20, x20, #1
	add	x22, x22, #1
	cmp	x22, #BATCH
	b.lo	1b

2:	sub	x22, x22, #1
	ldr	x24, [x23, x22, lsl #3]
	mov	x0, x24
	call	wait
	and	x24, x24, #0x7f
	cmp	x0, x24
	cinc	x21, x21, eq
	cbnz	x22, 2b
	subs	x19, x19, #1
	b.ne	batch

	say	"spawns: "
	say_number x20
	say	" children, "
	say_number x21
	say	" ended with their own status\n"
	cmp	x20, x21
	cset	x0, ne
	call	exit

refused:
	mov	x24, x0
	say	"spawns: child "
	say_number x20
	say	" refused: "
	say_result x24
	say	"\n"
	exit	#1
