/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes down its stack page by page until the guard page below it ends the process. Prints every
 * fourth page.
 */

	.include "user.inc"

	.global _start
_start:
	mov	x19, sp			/* the library keeps its own frames here, at the top */
1:	add	x20, x20, #1
	sub	x0, x19, x20, lsl #12
	str	x20, [x0]
	tst	x20, #3
	b.ne	1b
	say	"stack: "
	say_number x20
	say	" pages\n"
	b	1b
