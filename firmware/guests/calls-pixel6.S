/* SPDX-License-Identifier: GPL-2.0-only */
/* Firmware calls on the Pixel 6, where PSCI is called by SMC. */

	.include "gs101-uart.inc"
	.include "calls.inc"
