// SPDX-License-Identifier: GPL-2.0-only
/**
 * State of a core after a cold reset, and the state that firmware leaves for a core that starts
 * below EL3.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.2.3 (reset), D24.2.118 (SCTLR_EL1).
 */

/**
 * SCTLR_EL1: MMU and caches off, little-endian; stack pointers are checked (SA, SA0), EL0 may
 * execute WFI and WFE (nTWI, nTWE). The value equals QEMU's plus the RES1 bits of Armv8.0.
 */
export const RESET_SCTLR = 0x30d5_0838n;

/**
 * SCR_EL3 as firmware leaves it: AArch64 below (RW), HVC enabled (HCE), SMC enabled, non-secure
 * (NS).
 */
export const FIRMWARE_SCR = 0x531n;

/** HCR_EL2 as firmware leaves it: AArch64 at EL1 (RW). */
export const FIRMWARE_HCR = 1n << 31n;

/** PSTATE after reset: `level` with its own stack pointer, DAIF masked. */
export const resetPstate = (level: 1 | 2 | 3): number => (level << 2) | 1 | (0xf << 6);
