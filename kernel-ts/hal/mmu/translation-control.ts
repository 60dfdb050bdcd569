// SPDX-License-Identifier: GPL-2.0-only
/**
 * MAIR_EL1 and TCR_EL1 as the kernel's boot assembly programs them before the MMU is on; afterwards
 * mmu.ts changes only EPD0 and adds attribute 2.
 *
 * ```
 * TCR_EL1 0x5_B510_3510
 *  34 32 31 30 29 28 27 26 25 24 23  22 21  16 15 14 13 12 11 10 9   8 7    6 5    0
 * +-----+-----+-----+-----+-----+----+--+------+-----+-----+-----+-----+----+-+------+
 * | IPS | TG1 | SH1 |ORGN1|IRGN1|EPD1|A1| T1SZ | TG0 | SH0 |ORGN0|IRGN0|EPD0|0| T0SZ |
 * | 101 | 10  | 11  | 01  | 01  | 0  |0 |  16  | 00  | 11  | 01  | 01  | 0  |0|  16  |
 * +-----+-----+-----+-----+-----+----+--+------+-----+-----+-----+-----+----+-+------+
 * ```
 * Specification: Arm ARM DDI 0487 K.a, D24.2 (MAIR_EL1, TCR_EL1, ID_AA64MMFR0_EL1, SCTLR_EL1).
 */

/** Attr0 = 0xFF: normal write-back, read- and write-allocate. Attr1 = 0x04: device nGnRE. */
export const MAIR_VALUE = 0x04ffn;

/** Attr2 = 0x44: normal non-cacheable, added by Mmu.enableNonCacheable. */
export const MAIR_NON_CACHEABLE = 0x44n << 16n;

/** 48-bit halves, 4 KiB granule, inner shareable write-back walks, 48-bit output addresses. */
export const TCR_VALUE = 0x5_b510_3510n;

/** TCR_EL1.EPD0: no walks through TTBR0; a TLB miss there is a translation fault of level 0. */
export const TCR_EPD0 = 1n << 7n;
/** TCR_EL1.EPD1: no walks through TTBR1. */
export const TCR_EPD1 = 1n << 23n;

/** SCTLR_EL1.WXN: writable memory is not executable. */
export const SCTLR_WXN = 1n << 19n;

/** TTBRn_EL1 bits [47:12]; ASID above, CnP in bit 0. */
export const TTBR_BASE_MASK = 0x0000_ffff_ffff_f000n;

/** Meaning of TCR_EL1.IPS and ID_AA64MMFR0_EL1.PARange. */
const OUTPUT_BITS = [32, 36, 40, 42, 44, 48, 52] as const;

/**
 * Width of an output address in bits: the smaller of TCR_EL1.IPS and ID_AA64MMFR0_EL1.PARange, at
 * most 48, because descriptors of the 4 KiB granule hold no more without FEAT_LPA2.
 */
export function outputAddressBits(tcr: bigint, mmfr0: bigint): number {
  const bits = (code: bigint) => OUTPUT_BITS[Number(code)] ?? 48;
  return Math.min(48, bits((tcr >> 32n) & 7n), bits(mmfr0 & 0xfn));
}
