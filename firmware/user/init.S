/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The first process of the default initramfs: prints that user space runs, starts hello, waits for
 * it and ends. The kernel's maintenance shell has the console then; `run sh` there starts the user
 * shell.
 */

	.include "user.inc"

	.global _start
_start:
	call	getpid
	mov	x19, x0
	say	"init: user space runs, this is process "
	say_number x19
	say	"\n"
	spawn	"hello"
	mov	x20, x0
	tbnz	x20, #63, 1f
	call	wait
	mov	x21, x0
	say	"init: hello, process "
	say_number x20
	say	", ended with status "
	say_number x21
	say	"\n"
	say	"init: done\n"
	exit	#0

1:	say	"init: hello cannot be started: "
	say_result x20
	say	"\n"
	exit	#1
