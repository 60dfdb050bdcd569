/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Speed of a machine: one of four loops, between two marks on the PL011 that a host can
 * time. It has the header of an arm64 Image (Documentation/arch/arm64/booting.rst), so that this
 * project's machines and QEMU's virt load it as a kernel; it runs wherever they put it.
 *
 *     "begin\n", `rounds` times loop `kind`, "end\n", WFI
 *
 * kind: 0 registers only, 1 loads and stores, 2 calls, 3 system calls from EL0. The host writes
 * both words before it starts the machine, and knows the instructions of a round: they stand in
 * front of each loop. The MMU is off.
 */

	.section .start, "ax"
	.global _start
_start:
	b	start
	.long	0
	.quad	0			/* text_offset */
	.quad	0x10000			/* image_size */
	.quad	0xa			/* flags: little-endian, 4 KiB pages, anywhere in memory */
	.global kind
kind:	.quad	0			/* at offset 32, res2 of the header */
rounds:	.quad	1			/* at offset 40, res3 */
	.quad	0			/* res4 */
	.ascii	"ARM\x64"
	.long	0			/* res5 */

	.include "pl011.inc"
	.include "console.inc"
	.include "level.inc"

	.equ	BUFFER_BYTES, 4096

	.section .text
start:
	drop_to_el1
	adr	x0, _start
	add	x0, x0, #0x4000		/* after the code: stack below, buffer above */
	mov	sp, x0
	mov	x20, x0
	adr	x0, vectors
	msr	vbar_el1, x0
	uart_init
	ldr	x18, kind
	ldr	x19, rounds
	mov	x0, #1
	mov	x1, #3
	mov	x2, #5
	mov	x3, #7
	print	"begin\n"
	cbz	x18, registers
	cmp	x18, #2
	b.lo	memory
	b.eq	calls
	b	system_calls
finished:
	print	"end\n"
1:	wfi
	b	1b

	/* 16 instructions */
	.balign	64
registers:
	add	x0, x0, x1
	eor	x1, x1, x2
	sub	x2, x2, x3
	orr	x3, x3, x0
	add	x0, x0, x1, lsl #3
	and	x4, x0, x2
	add	x1, x1, #9
	eor	x2, x2, x4
	ror	x3, x3, #7
	add	x2, x2, x3
	bic	x4, x4, x1
	sub	x0, x0, x4
	csel	x1, x1, x3, ne
	eor	x3, x3, x0
	subs	x19, x19, #1
	b.ne	registers
	b	finished

	/* 12 instructions, 8 of them loads and stores, spread over the buffer */
	.balign	64
memory:
	and	x4, x19, #(BUFFER_BYTES - 64)
	add	x4, x4, x20
	ldr	x0, [x4]
	str	x1, [x4, #8]
	ldr	x1, [x4, #16]
	str	x2, [x4, #24]
	ldp	x2, x3, [x4, #32]
	str	w0, [x4, #48]
	ldrb	w0, [x4, #52]
	strh	w3, [x4, #56]
	subs	x19, x19, #1
	b.ne	memory
	b	finished

	/* 9 instructions: two calls, one inside the other, and a stack frame */
	.balign	64
calls:
	bl	outer
	subs	x19, x19, #1
	b.ne	calls
	b	finished
	.balign	64
outer:
	stp	x29, x30, [sp, #-16]!
	bl	inner
	ldp	x29, x30, [sp], #16
	ret
	.balign	64
inner:
	add	x0, x0, #1
	ret

	/* 5 instructions: SVC at EL0, the vector's two, and the loop */
system_calls:
	adr	x0, 1f
	msr	elr_el1, x0
	msr	spsr_el1, xzr		/* EL0t, nothing masked that matters */
	eret
	.balign	64
1:	svc	#0
	subs	x19, x19, #1
	b.ne	1b
	svc	#1			/* x19 is 0: the vector does not return */
	b	.

	.ltorg
	.balign	0x800
vectors:
	.org	vectors + 0x400
	/* Synchronous, from EL0. */
	cbz	x19, finished
	eret
	.org	vectors + 0x800
