/* SPDX-License-Identifier: GPL-2.0-only */
/* Executes an instruction that does not exist, which ends the process. */

	.include "user.inc"

	.global _start
_start:
	say	"undef: an undefined instruction\n"
	udf	#0
	say	"undef: it was allowed\n"
	exit	#0
