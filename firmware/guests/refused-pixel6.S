/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Trials of accesses that the gs101 UART refuses: it accepts 32 bits only. The MMU is off, the
 * trials run at EL1 and EL3, the driver at EL3. The instruction must change no register.
 */

	.section .start, "ax"
	.global _start
_start:
	b	start

	.equ	SCRATCH, 0x82000000
	.include "gs101-uart.inc"
	.include "trials.inc"

	.section .text
start:
	uart_init
	adr	x0, vectors
	msr	vbar_el1, x0
	msr	vbar_el3, x0
	bl	controls
	all_trials

controls:
	mov	x0, #0x531
	msr	scr_el3, x0
	ldr	x0, =1 << 31		/* TCPAC */
	msr	cptr_el3, x0
	mov	x0, #(1 << 31)
	msr	hcr_el2, x0
	mov	x0, #0x33ff
	msr	cptr_el2, x0
	ldr	x0, =0x30d00800
	msr	sctlr_el1, x0
	mov	x0, #(3 << 20)
	msr	cpacr_el1, x0
	msr	far_el1, xzr
	isb
	ret

	.ltorg
	.balign	8
states:
	.quad	0x600003c5, name_el1h, 0x900001cd, name_el3h, 0, 0
name_el1h:	.asciz	"EL1h"
name_el3h:	.asciz	"EL3h"
	.balign	8

	.pushsection .trials, "a"
__trials:
	.popsection

	.macro refused name:req, code:vararg
	trial	3, "\name"
	ldr	x1, =UART_BASE
	\code
	done
	.endm
	refused	"ldrb", ldrb w0, [x1, #0x10]
	refused	"ldrb post-indexed", ldrb w0, [x1], #4
	refused	"ldrsh pre-indexed", ldrsh x0, [x1, #0x18]!
	refused	"strb pre-indexed", strb w2, [x1, #0x20]!
	refused	"strh", strh w3, [x1, #0x20]
	refused	"ldr b", ldr b0, [x1, #0x10]
	refused	"ld1 bytes", ld1 {v0.b}[1], [x1], #1
	refused	"ldr unaligned", ldur w0, [x1, #0x12]
	refused	"str across the end", str x2, [x1, #0xdc]
	refused	"32 bits are answered", ldr w0, [x1, #0x10]
	refused	"64 bits are two times 32", ldr x0, [x1, #0x28]
	.ltorg

	.pushsection .trials, "a"
__trials_end:
	.popsection
