/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Wild pointers: passes addresses that a process may not use to system calls and prints each
 * result. Then it uses one itself, which ends the process.
 */

	.include "user.inc"

	.equ	TEXT_BYTES, 8

	/* One line: the trial, and the result of the call with x0 to x2 as given. */
	.macro try what, number, arg0, arg1, arg2
	say	"wild: \what: "
	ldr	x0, =\arg0
	ldr	x1, =\arg1
	ldr	x2, =\arg2
	call	\number
	mov	x19, x0
	say_result x19
	say	"\n"
	.endm

	.section .bss
buffer:	.skip	TEXT_BYTES

	.section .text
	.global _start
_start:
	try	"write from 0", write, STDOUT, 0, TEXT_BYTES
	try	"write from the kernel", write, STDOUT, 0xffff800000000000, TEXT_BYTES
	try	"write from no address", write, STDOUT, 0x0100000000000000, TEXT_BYTES
	try	"write from nothing", write, STDOUT, 0x5000000000, TEXT_BYTES
	try	"write across the end of the data", write, STDOUT, buffer, 0x100000
	try	"write of 2^63 bytes", write, STDOUT, buffer, 0x8000000000000000
	try	"read into the code", read, STDIN, _start, TEXT_BYTES
	try	"read into the kernel", read, STDIN, 0xffff800000000000, TEXT_BYTES
	try	"spawn of a name at 0", spawn, 0, TEXT_BYTES, 0
	try	"spawn of nothing there", spawn, buffer, TEXT_BYTES, 0
	try	"exec of a name in the kernel", exec, 0xffff800000000000, TEXT_BYTES, 0
	try	"write to file 7", write, 7, buffer, TEXT_BYTES
	try	"wait for a stranger", wait, 0x7fffffff, 0, 0
	say	"wild: and now a store to "
	ldr	x20, =0xdead0000
	say_hex	x20
	say	"\n"
	str	x20, [x20]
	say	"wild: it was allowed\n"
	exit	#0
	.ltorg
