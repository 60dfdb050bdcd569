/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Eats memory: extends the heap until the kernel refuses, writes each page's own address into it
 * and reads all back, so that two pages in one frame are detected. Then it frees everything. Ends
 * with 0 when all succeeded.
 *
 *     x19 the heap's start   x20 its end   x21 the refusal
 */

	.include "user.inc"

	.equ	STEP, 0x40000

	.global _start
_start:
	mov	x0, #0
	call	sbrk
	mov	x19, x0
	mov	x20, x0
1:	mov	x0, #STEP
	call	sbrk
	tbnz	x0, #63, 3f
	add	x1, x20, #STEP
2:	str	x20, [x20]
	add	x20, x20, #PAGE_BYTES
	cmp	x20, x1
	b.lo	2b
	b	1b

3:	mov	x21, x0
	sub	x22, x20, x19
	say	"eat: "
	lsr	x0, x22, #10
	bl	put_number
	say	" KiB, then "
	say_result x21
	say	"\n"

	mov	x1, x19
4:	cmp	x1, x20
	b.hs	5f
	ldr	x2, [x1]
	cmp	x2, x1
	b.ne	changed
	add	x1, x1, #PAGE_BYTES
	b	4b

5:	neg	x0, x22
	call	sbrk
	cmp	x0, x20
	b.ne	kept
	say	"eat: all of it unchanged, and given back\n"
	exit	#0

changed:
	mov	x23, x1
	mov	x24, x2
	say	"eat: "
	say_hex	x23
	say	" holds "
	say_hex	x24
	say	"\n"
	exit	#1

kept:
	mov	x23, x0
	say	"eat: giving back: "
	say_result x23
	say	"\n"
	exit	#2
