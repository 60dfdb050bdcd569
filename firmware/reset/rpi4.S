/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Raspberry Pi 4: PL011 at 0xfe20_1000 (Arm DDI 0183), 48 MHz clock, 115200 8n1.
 *
 * The place of the stub in RAM, and of the spin table in the stub, are known to the device tree
 * (boards/soc/bcm2711.ts): from 0xd8, a word for each core.
 */

	.equ	BOARD_COUNTER_HZ, 54000000
	.equ	BOARD_CODE, 0x100
	.macro board_banner level
	.asciz	"[FW] rpi4: reset at EL3, cores in the spin table, entering the kernel at EL\level\n"
	.endm

	.macro uart_init
	ldr	x9, =0xfe201000
	str	wzr, [x9, #0x30]	/* UARTCR: off while it is programmed */
	mov	w10, #26		/* 48 MHz / (16 x 115200) = 26.04 */
	str	w10, [x9, #0x24]	/* UARTIBRD */
	mov	w10, #3
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
