/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Takes an exception whose vector cannot be executed. `kind`: 0 VBAR_EL1 points to an
 * address without memory; 1 the vector is an undefined instruction; 2 VBAR_EL3 points to an address
 * without memory, and the exception is taken to EL3.
 */

	.section .start, "ax"
	.global _start
_start:
	b	start
	.balign	8
	.global kind
kind:	.quad	0	/* at offset 8 */

	.include "level.inc"

start:
	ldr	x0, kind
	ldr	x1, =0x0f000000		/* nothing answers */
	cmp	x0, #2
	b.eq	3f
	cbz	x0, 1f
	adr	x1, undefined
1:	msr	vbar_el1, x1
	drop_to_el1
	svc	#0
	b	.
3:	msr	vbar_el3, x1
	brk	#3
	b	.

	.ltorg
	.balign	0x800
undefined:
	.fill	0x200, 4, 0
