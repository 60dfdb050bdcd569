// SPDX-License-Identifier: GPL-2.0-only
/**
 * Extensions of Armv8.0-A that a core may have, by the Arm ARM's names (A2.2 to A2.4). Rows of the
 * decode table and bits of registers require them. A core has those that its ID registers claim.
 *
 * Source: Arm ARM DDI 0487 K.a, D24.2 (ID_AA64*_EL1).
 */

import type { IdRegister, IdValues } from './id-registers.ts';

/** Claims: ID register, lowest bit of the field, and least value that has the extension. */
const CLAIMS = {
  AES: ['ID_AA64ISAR0_EL1', 4, 1],
  PMULL: ['ID_AA64ISAR0_EL1', 4, 2],
  SHA1: ['ID_AA64ISAR0_EL1', 8, 1],
  SHA256: ['ID_AA64ISAR0_EL1', 12, 1],
  CRC32: ['ID_AA64ISAR0_EL1', 16, 1],
  LSE: ['ID_AA64ISAR0_EL1', 20, 2],
  RDM: ['ID_AA64ISAR0_EL1', 28, 1],
  DotProd: ['ID_AA64ISAR0_EL1', 44, 1],
  DPB: ['ID_AA64ISAR1_EL1', 0, 1],
  LRCPC: ['ID_AA64ISAR1_EL1', 20, 1],
  FP16: ['ID_AA64PFR0_EL1', 16, 1],
  RAS: ['ID_AA64PFR0_EL1', 28, 1],
  SSBS: ['ID_AA64PFR1_EL1', 4, 1],
  HAF: ['ID_AA64MMFR1_EL1', 0, 1],
  HAFDBS: ['ID_AA64MMFR1_EL1', 0, 2],
  VHE: ['ID_AA64MMFR1_EL1', 8, 1],
  HPDS: ['ID_AA64MMFR1_EL1', 12, 1],
  HPDS2: ['ID_AA64MMFR1_EL1', 12, 2],
  LOR: ['ID_AA64MMFR1_EL1', 16, 1],
  PAN: ['ID_AA64MMFR1_EL1', 20, 1],
  PAN2: ['ID_AA64MMFR1_EL1', 20, 2],
  UAO: ['ID_AA64MMFR2_EL1', 4, 1],
} as const satisfies Record<string, readonly [register: IdRegister, shift: number, least: number]>;

export type Feature = keyof typeof CLAIMS;
export type Features = (feature: Feature) => boolean;

/** One function per set of extensions, so that cores with equal sets share translations. */
const known = new Map<string, Features>();

/** Extensions that ID registers claim. A missing register counts as zero. */
export function claimedFeatures(registers: IdValues): Features {
  const claimed = (Object.keys(CLAIMS) as Feature[]).filter((feature) => {
    const [register, shift, least] = CLAIMS[feature];
    const value = Number(((registers[register] ?? 0n) >> BigInt(shift)) & 15n);
    // Value 15 means that not even FP is implemented.
    return value >= least && value !== 15;
  });
  const key = claimed.join(' ');
  let features = known.get(key);
  if (features === undefined) {
    const set: ReadonlySet<Feature> = new Set(claimed);
    features = (feature) => set.has(feature);
    known.set(key, features);
  }
  return features;
}
