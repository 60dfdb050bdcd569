/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Self-hosted debug: hardware breakpoints, watchpoints and software step at EL0 and EL1, with the
 * MMU off. One line for each exception of a trial:
 *
 *     NAME
 *     esr=… elr=… far=… spsr=…
 *
 * elr is relative to the start of the payload; far to DATA where it lies after it; of spsr, SS and
 * M are printed.
 *
 * A payload ends with SVC. After a step the handler steps again; after other exceptions it
 * continues without debugging. QEMU prints the same text; a test compares.
 */

	.section .start, "ax"
	.global _start
_start:
	b	start

	.include "pl011.inc"
	.include "console.inc"
	.include "level.inc"

	.equ	STACK, 0x42010000
	.equ	DATA, 0x42020000
	.equ	EL0, 0
	.equ	EL1, 0x1c5			/* D clear */
	.equ	EL1_MASKED, 0x3c5
	.equ	STEP, 1 << 21			/* SPSR.SS */
	.equ	SS, 1				/* MDSCR_EL1 */
	.equ	MDE, 1 << 15
	.equ	KDE, 1 << 13

	/*
	 * Runs `payload` with SPSR and MDSCR_EL1 given; registers of the points are set before.
	 * x28: where its SVC leads to.
	 */
	.macro run name, payload, spsr, mdscr
	print	"\name\n"
	ldr	x27, =\payload
	adr	x28, 8f
	msr	elr_el1, x27
	ldr	x0, =\spsr
	msr	spsr_el1, x0
	ldr	x0, =DATA
	ldr	x1, =\mdscr
	msr	mdscr_el1, x1
	isb
	eret
8:	msr	mdscr_el1, xzr
	msr	dbgbcr0_el1, xzr
	msr	dbgwcr0_el1, xzr
	isb
	.endm

	.macro breakpoint address, control
	ldr	x0, =\address
	msr	dbgbvr0_el1, x0
	ldr	x0, =\control
	msr	dbgbcr0_el1, x0
	.endm

	.macro watchpoint address, control
	ldr	x0, =\address
	msr	dbgwvr0_el1, x0
	ldr	x0, =\control
	msr	dbgwcr0_el1, x0
	.endm

	.section .text
start:
	drop_to_el1
	ldr	x0, =STACK
	mov	sp, x0
	adr	x0, vectors
	msr	vbar_el1, x0
	uart_init
	msr	oslar_el1, xzr
	isb

	/* E, PMC EL0 or EL1, BAS all */
	breakpoint payload + 4, 0x1e5
	run	"breakpoint at EL0", payload, EL0, MDE
	breakpoint payload + 4, 0x1e3
	run	"breakpoint at EL1", payload, EL1, MDE | KDE
	breakpoint payload + 4, 0x1e3
	run	"breakpoint at EL1, PSTATE.D", payload, EL1_MASKED, MDE | KDE
	breakpoint payload + 4, 0x1e3
	run	"breakpoint at EL1 without KDE", payload, EL1, MDE
	breakpoint payload + 4, 0x1e7
	run	"breakpoint without MDE", payload, EL1, KDE
	breakpoint payload + 4, 0x1e3
	run	"breakpoint of EL1 at EL0", payload, EL0, MDE | KDE
	breakpoint payload + 4, 0x1e4
	run	"breakpoint that is off", payload, EL0, MDE
	breakpoint payload + 4, 0x81e5
	run	"breakpoint of the secure state", payload, EL0, MDE
	/* Linked to breakpoint 5, which compares CONTEXTIDR_EL1. */
	mov	x0, #0x1234
	msr	contextidr_el1, x0
	msr	dbgbvr5_el1, x0
	ldr	x0, =0x3001e7
	msr	dbgbcr5_el1, x0
	breakpoint payload + 4, 0x1501e5
	run	"breakpoint in its context", payload, EL0, MDE
	msr	contextidr_el1, xzr
	breakpoint payload + 4, 0x1501e5
	run	"breakpoint in another context", payload, EL0, MDE
	msr	dbgbcr5_el1, xzr

	/* E, PAC, LSC, BAS */
	watchpoint DATA, 0x1ff5
	run	"stores at EL0", payload, EL0, MDE
	watchpoint DATA, 0x1fed
	run	"loads at EL0", payload, EL0, MDE
	watchpoint DATA, 0x1fff
	run	"accesses at EL1", payload, EL1, MDE | KDE
	watchpoint DATA, 0x1fff
	run	"accesses at EL1 without KDE", payload, EL1, MDE
	watchpoint DATA + 8, 0x1ff5
	run	"the second of a pair", pair, EL0, MDE
	watchpoint DATA, 0x815
	run	"one byte of eight", pair, EL0, MDE
	watchpoint DATA + 4, 0x35
	run	"one byte behind a multiple of 4", pair, EL0, MDE
	watchpoint DATA + 0x20, 0x5001ff5
	run	"32 bytes", far_byte, EL0, MDE
	watchpoint DATA + 0x40, 0x5001ff5
	run	"32 bytes elsewhere", far_byte, EL0, MDE
	watchpoint DATA, 0x1ffd
	run	"unprivileged access at EL1", unprivileged, EL1, MDE | KDE
	watchpoint DATA, 0x1ffb
	run	"unprivileged access, watched for EL1", unprivileged, EL1, MDE | KDE

	run	"step at EL0", steps, EL0 | STEP, SS
	run	"step at EL0 that is due", steps, EL0, SS
	run	"step at EL1", steps, EL1 | STEP, SS | KDE
	run	"step at EL1 without KDE", steps, EL1 | STEP, SS
	run	"step at EL1, PSTATE.D", steps, EL1_MASKED | STEP, SS | KDE
	run	"step over an undefined instruction", undefined, EL0 | STEP, SS

	ldr	x0, =DATA
	ldr	x1, [x0]
	show	"stored", x1
	print	"\ndone\n"
	ldr	w0, =0x84000008			/* PSCI SYSTEM_OFF */
	hvc	#0
	b	.

	.balign	16
payload:
	nop
	mov	x2, #0x55
	str	x2, [x0]
	ldr	x3, [x0]
	svc	#1

	.balign	16
pair:
	mov	x2, #0x66
	stp	x2, x2, [x0]
	svc	#1

	.balign	16
far_byte:
	mov	x2, #0x77
	strb	w2, [x0, #0x3a]
	strb	w2, [x0, #0x5f]
	svc	#1

	.balign	16
unprivileged:
	ldr	x2, [x0, #8]
	ldtr	x2, [x0]
	svc	#1

	.balign	16
steps:
	nop
	ldaxr	x2, [x0]
	cbz	xzr, 1f
	nop
1:	mov	x2, #0x88
	str	x2, [x0]
	svc	#1

	.balign	16
undefined:
	udf	#0
	svc	#1

	.ltorg

	.macro vector_entry
	.balign	0x80
	b	vector_common
	.endm

	.balign	0x800
vectors:
	.rept	16
	vector_entry
	.endr

vector_common:
	stp	x0, x1, [sp, #-32]!
	str	x30, [sp, #16]
	mrs	x14, esr_el1
	mrs	x15, elr_el1
	mrs	x16, far_el1
	mrs	x17, spsr_el1
	ubfx	x18, x14, #26, #6
	show	"esr", x14
	sub	x0, x15, x27
	show	" elr", x0
	ubfx	x0, x18, #1, #5
	cmp	x0, #(0x34 >> 1)
	b.ne	1f
	ldr	x0, =DATA
	sub	x0, x16, x0
	show	" far", x0
1:	ldr	x0, =(STEP | 0xf)
	and	x0, x17, x0
	show	" spsr", x0
	print	"\n"
	cmp	x18, #0x15			/* SVC */
	b.eq	3f
	cbz	x18, 4f
	ubfx	x0, x18, #1, #5
	cmp	x0, #(0x32 >> 1)
	b.eq	2f
	msr	mdscr_el1, xzr
	isb
	b	5f
4:	add	x15, x15, #4			/* undefined: passed */
	msr	elr_el1, x15
2:	orr	x17, x17, #STEP
	msr	spsr_el1, x17
5:	ldr	x30, [sp, #16]
	ldp	x0, x1, [sp], #32
	eret
3:	ldp	x0, x1, [sp], #32
	br	x28
