/* SPDX-License-Identifier: GPL-2.0-only */
/* Says hello, and which process it is. */

	.include "user.inc"

	.global _start
_start:
	call	getpid
	mov	x19, x0
	say	"hello from process "
	say_number x19
	say	"\n"
	exit	#0
