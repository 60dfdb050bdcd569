/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Checks that every general register keeps its value while other processes run: first across
 * yields, which are system calls, then across ticks, which interrupt anywhere. Each value is made
 * of the pid and the register's number, so a value from another process or another register is
 * detected. Ends with 0 when all were kept.
 *
 *     x0 result of yield, rounds   x8 number of yield
 *     the others, SP (31) and TPIDR_EL0 (32) are watched, and the flags by the loop
 */

	.include "user.inc"

	.equ	YIELDS, 50
	.equ	ROUNDS, 15000000	/* of two instructions: three ticks of 10 ms at 1 GHz */
	/* The upper half of the values: no program has it in a register by chance. */
	.equ	PATTERN, 0x5eed00

	.section .bss
	.balign	8
base:	.skip	8			/* the value of register 0 */
stack:	.skip	8
left:	.skip	8			/* yields */

	.section .text
	/*
	 * Compares register n with its value. The difference of x8 and x0 is the number where it is
	 * another.
	 */
	.macro expect n
	add	x8, x0, #\n
	cmp	x\n, x8
	b.ne	changed
	.endm

	.macro expect_all
	adr	x0, base
	ldr	x0, [x0]
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	expect	\n
	.endr
	adr	x0, stack
	ldr	x0, [x0]
	cmp	sp, x0
	b.ne	changed_stack
	adr	x0, base
	ldr	x0, [x0]
	mrs	x8, tpidr_el0
	cmp	x8, x0
	b.ne	changed_thread
	.endm

	.global _start
_start:
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	orr	x0, x0, x\n
	.endr
	cbnz	x0, not_zero
	mrs	x0, tpidr_el0
	cbnz	x0, not_zero

	mov	x0, sp
	adr	x1, stack
	str	x0, [x1]
	mov	x0, #YIELDS
	adr	x1, left
	str	x0, [x1]
	call	getpid
	ldr	x1, =PATTERN
	orr	x0, x0, x1, lsl #32
	lsl	x0, x0, #8
	adr	x1, base
	str	x0, [x1]
	msr	tpidr_el0, x0
	.irp	n, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30
	add	x\n, x0, #\n
	.endr

yields:
	call	yield
	expect_all
	adr	x0, left
	ldr	x8, [x0]
	sub	x8, x8, #1
	str	x8, [x0]
	cbnz	x8, yields

	ldr	x0, =ROUNDS
1:	subs	x0, x0, #1
	b.ne	1b
	expect_all

	call	getpid
	mov	x19, x0
	say	"regs "
	say_number x19
	say	": all kept\n"
	exit	#0

changed_thread:
	add	x8, x0, #32
	b	changed
changed_stack:
	add	x8, x0, #31
changed:
	sub	x19, x8, x0
	call	getpid
	mov	x20, x0
	say	"regs "
	say_number x20
	say	": changed: register "
	say_number x19
	say	"\n"
	exit	#1

not_zero:
	say	"regs: a register is not zero at entry\n"
	exit	#2
	.ltorg
