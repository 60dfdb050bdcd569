/* SPDX-License-Identifier: GPL-2.0-only */
/* The echo guest on QEMU's virt machine. */

	.macro power_call
	hvc	#0
	.endm

	.include "pl011.inc"
	.include "echo.inc"
