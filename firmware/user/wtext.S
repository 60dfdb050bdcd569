/* SPDX-License-Identifier: GPL-2.0-only */
/* Writes to its own code, which ends the process: no page can be written and executed. */

	.include "user.inc"

	.global _start
_start:
	say	"wtext: a store to the code\n"
	adr	x19, _start
	ldr	w0, [x19]
	str	w0, [x19]
	say	"wtext: it was allowed\n"
	exit	#0
