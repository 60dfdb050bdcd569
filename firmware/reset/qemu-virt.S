/* SPDX-License-Identifier: GPL-2.0-only */
/* QEMU virt: PL011 at 0x0900_0000 (Arm DDI 0183), 24 MHz clock, 115200 8n1. */

	.equ	BOARD_COUNTER_HZ, 62500000
	.macro board_banner level
	.if	\level == 2
	.asciz	"[FW] qemu-virt: reset at EL3, PSCI by SMC, entering the kernel at EL2\n"
	.else
	.asciz	"[FW] qemu-virt: reset at EL3, PSCI by HVC, entering the kernel at EL1\n"
	.endif
	.endm

	.macro uart_init
	ldr	x9, =0x09000000
	str	wzr, [x9, #0x30]	/* UARTCR: off while it is programmed */
	mov	w10, #13		/* 24 MHz / (16 x 115200) = 13.02 */
	str	w10, [x9, #0x24]	/* UARTIBRD */
	mov	w10, #1
	str	w10, [x9, #0x28]	/* UARTFBRD */
	mov	w10, #0x70		/* UARTLCR_H: 8 bits, FIFOs */
	str	w10, [x9, #0x2c]
	mov	w10, #0x101		/* UARTCR: UARTEN, TXE; input waits for the next reader */
	str	w10, [x9, #0x30]
	.endm

	.macro uart_put byte
9:	ldr	w10, [x9, #0x18]	/* UARTFR */
	tbnz	w10, #5, 9b		/* TXFF */
	str	\byte, [x9]		/* UARTDR */
	.endm

	.include "reset.inc"
