// SPDX-License-Identifier: GPL-2.0-only
/**
 * HCR_EL2: its bits as in Armv8.0, and which of them count now.
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.53 (HCR_EL2), D1.2.2.2 (EL2 and security states).
 */

import type { RegisterFile } from './register-file.ts';

const bit = (n: number): bigint => 1n << BigInt(n);

export const HCR = {
  vm: bit(0),
  ptw: bit(2),
  fmo: bit(3),
  imo: bit(4),
  amo: bit(5),
  vf: bit(6),
  vi: bit(7),
  vse: bit(8),
  dc: bit(12),
  twi: bit(13),
  twe: bit(14),
  tid1: bit(16),
  tid2: bit(17),
  tid3: bit(18),
  tsc: bit(19),
  tidcp: bit(20),
  tacr: bit(21),
  tsw: bit(22),
  tpc: bit(23),
  tpu: bit(24),
  ttlb: bit(25),
  tvm: bit(26),
  tge: bit(27),
  tdz: bit(28),
  trvm: bit(30),
} as const;

/** Bits that are 0 for everybody while EL2 takes what EL1 would (TGE). */
const OFF_WITH_TGE = sum(
  ...(['vm', 'ptw', 'vf', 'vi', 'vse', 'dc', 'tid1', 'tid3', 'tsc', 'tacr', 'tsw', 'ttlb', 'tvm', 'trvm'] as const),
);
const ROUTED = HCR.fmo | HCR.imo | HCR.amo;

/** Several of its bits. */
export function sum(...names: readonly (keyof typeof HCR)[]): bigint {
  return names.reduce((bits, name) => bits | HCR[name], 0n);
}

/** Bits that decide what EL1 and EL0 find at an address, and how. */
export const HCR_OF_TRANSLATIONS = sum('vm', 'ptw', 'dc', 'tge', 'tdz');

/** SCR_EL3.NS: with it 0, levels below EL3 are secure, and there is no EL2. */
const SCR_NS = 1n;

/** HCR_EL2 as it counts below EL2. */
export function effectiveHcr(file: RegisterFile): bigint {
  const hcr = file.get('HCR_EL2');
  if (hcr === 0n || (file.get('SCR_EL3') & SCR_NS) === 0n) return 0n;
  if ((hcr & HCR.tge) === 0n) return hcr;
  return (hcr | ROUTED) & ~OFF_WITH_TGE;
}
