/* SPDX-License-Identifier: GPL-2.0-only */
/* The echo guest on the Pixel 6. */

	.macro power_call
	smc	#0
	.endm

	.include "gs101-uart.inc"
	.include "echo.inc"
