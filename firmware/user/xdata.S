/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Jumps to an instruction in its data, which ends the process: no page can be written and executed.
 */

	.include "user.inc"

	.section .data
	.balign	4
code:	ret

	.section .text
	.global _start
_start:
	say	"xdata: a call into the data\n"
	adr	x19, code
	blr	x19
	say	"xdata: it was allowed\n"
	exit	#0
