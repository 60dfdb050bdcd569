/* SPDX-License-Identifier: GPL-2.0-only */
/* Pixel 6: gs101 UART0 at 0x10A0_0000 (samsung,exynos serial, 32-bit accesses), 115200 8n1. */

	.equ	BOARD_COUNTER_HZ, 24576000
	.macro board_banner level
	.asciz	"[FW] pixel6: reset at EL3, PSCI by SMC, entering the kernel at EL\level\n"
	.endm

	.macro uart_init
	ldr	x9, =0x10a00000
	str	wzr, [x9, #0x04]	/* UCON: off while it is programmed */
	mov	w10, #3			/* ULCON: 8 data bits, one stop bit, no parity */
	str	w10, [x9, #0x00]
	mov	w10, #7			/* UFCON: FIFOs on and reset */
	str	w10, [x9, #0x08]
	mov	w10, #107		/* UBRDIV: 200 MHz / (16 x 115200) - 1 = 107.5 */
	str	w10, [x9, #0x28]
	mov	w10, #8			/* UFRACVAL: 0.5 x 16 */
	str	w10, [x9, #0x2c]
	mov	w10, #4			/* UCON: transmit by polling or interrupt; input waits */
	str	w10, [x9, #0x04]
	.endm

	.macro uart_put byte
9:	ldr	w10, [x9, #0x18]	/* UFSTAT */
	tbnz	w10, #24, 9b		/* transmit FIFO full */
	str	\byte, [x9, #0x20]	/* UTXH */
	.endm

	.include "reset.inc"
