/* SPDX-License-Identifier: GPL-2.0-only */
/* Firmware calls on QEMU's virt machine, where PSCI is called by HVC. */

	.include "pl011.inc"
	.include "calls.inc"
