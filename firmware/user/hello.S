/* SPDX-License-Identifier: GPL-2.0-only */
/* Prints hello and its pid. */

	.include "user.inc"

	.global _start
_start:
	call	getpid
	mov	x19, x0
	say	"hello from process "
	say_number x19
	say	"\n"
	exit	#0
