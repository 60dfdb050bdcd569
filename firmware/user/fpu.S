/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks that every SIMD and floating-point register, a mode in FPCR and a flag in FPSR keep their
 * values while other processes run: first across yields, then across ticks. Each value is made of
 * the pid and the register's number. Ends with 0 when all were kept.
 *
 *     x19 pid   x20 yields left   x21, x22 the values of register 0, lower and upper half
 */

	.include "user.inc"

	.equ	YIELDS, 50
	.equ	ROUNDS, 15000000	/* of two instructions: three ticks of 10 ms at 1 GHz */
	.equ	MODE, 0x00c00000	/* FPCR.RMode: towards zero */
	.equ	FLAG, 0x00000010	/* FPSR.IXC: inexact */

	.equ	REGISTERS, 32

	.section .text
	/* x0: where register n would be changed. */
	.macro expect n
	mov	x0, #\n
	umov	x1, v\n\().d[0]
	umov	x2, v\n\().d[1]
	add	x3, x21, x0
	add	x4, x22, x0
	cmp	x1, x3
	ccmp	x2, x4, #0, eq
	b.ne	changed
	.endm

	.macro expect_all
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	expect	\n
	.endr
	mrs	x1, fpcr
	mrs	x2, fpsr
	mov	x0, #REGISTERS
	ldr	x3, =MODE
	cmp	x1, x3
	b.ne	changed
	mov	x0, #(REGISTERS + 1)
	cmp	x2, #FLAG
	b.ne	changed
	.endm

	.global _start
_start:
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	orr	v0.16b, v0.16b, v\n\().16b
	.endr
	umov	x0, v0.d[0]
	umov	x1, v0.d[1]
	orr	x0, x0, x1
	cbnz	x0, not_zero

	call	getpid
	mov	x19, x0
	mov	x20, #YIELDS
	lsl	x21, x19, #8
	orr	x22, x21, #0x8000000000000000
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	add	x0, x21, #\n
	add	x1, x22, #\n
	mov	v\n\().d[0], x0
	mov	v\n\().d[1], x1
	.endr
	ldr	x0, =MODE
	msr	fpcr, x0
	mov	x0, #FLAG
	msr	fpsr, x0

yields:
	call	yield
	expect_all
	subs	x20, x20, #1
	b.ne	yields

	ldr	x0, =ROUNDS
1:	subs	x0, x0, #1
	b.ne	1b
	expect_all

	say	"fpu "
	say_number x19
	say	": all kept\n"
	exit	#0

changed:
	mov	x20, x0
	say	"fpu "
	say_number x19
	say	": changed: register "
	say_number x20
	say	" (32 is FPCR, 33 FPSR)\n"
	exit	#1

not_zero:
	say	"fpu: a register is not zero at entry\n"
	exit	#2
	.ltorg
