// SPDX-License-Identifier: GPL-2.0-only
/**
 * HCR_EL2: its bits, and its effective value.
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.53 (HCR_EL2), D1.2.2.2 (EL2 and security states).
 */

import type { SystemRegisterName } from '#emulator/engine/system-registers.ts';

/** System registers of the core. */
interface Registers {
  get(name: SystemRegisterName): bigint;
}

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
  e2h: bit(34),
  tlor: bit(35),
  terr: bit(36),
  tea: bit(37),
} as const;

/** Bits that TGE forces to 0. */
const OFF_WITH_TGE = sum(
  'vm',
  'ptw',
  'vf',
  'vi',
  'vse',
  'dc',
  'tid1',
  'tid3',
  'tsc',
  'tacr',
  'tsw',
  'ttlb',
  'tvm',
  'trvm',
  'tlor',
);
/** Further bits that are forced to 0 for a host (E2H and TGE), where EL1 does not exist. */
const OFF_FOR_HOST = sum('twi', 'twe', 'tid2', 'tpc', 'tpu', 'tdz');
const ROUTED = HCR.fmo | HCR.imo | HCR.amo;

/** Union of several bits. */
export function sum(...names: readonly (keyof typeof HCR)[]): bigint {
  return names.reduce((bits, name) => bits | HCR[name], 0n);
}

/** Bits that change how EL1 and EL0 translate addresses. */
export const HCR_OF_TRANSLATIONS = sum('vm', 'ptw', 'dc', 'tge', 'e2h', 'tdz');

/** SCR_EL3.NS. While it is 0, levels below EL3 are Secure and EL2 does not exist. */
const SCR_NS = 1n;

/** Effective HCR_EL2 for levels below EL2. */
export function effectiveHcr(file: Registers): bigint {
  const hcr = file.get('HCR_EL2');
  if (hcr === 0n || (file.get('SCR_EL3') & SCR_NS) === 0n) return 0n;
  if ((hcr & HCR.tge) === 0n) return hcr;
  const left = (hcr | ROUTED) & ~OFF_WITH_TGE;
  return (hcr & HCR.e2h) === 0n ? left : left & ~OFF_FOR_HOST;
}

/** True when EL2 is the host of EL0: E2H and TGE. */
export function isHost(file: Registers): boolean {
  return (file.get('HCR_EL2') & (HCR.e2h | HCR.tge)) === (HCR.e2h | HCR.tge);
}

/** SCTLR of the translation regime of `level`. */
export function controlOf(level: number, file: Registers): bigint {
  if (level === 0) return controlOfEl0(file);
  return file.get(level === 1 ? 'SCTLR_EL1' : level === 2 ? 'SCTLR_EL2' : 'SCTLR_EL3');
}

/** SCTLR that controls EL0: EL2's for a host, else EL1's. */
export function controlOfEl0(file: Registers): bigint {
  return file.get(isHost(file) ? 'SCTLR_EL2' : 'SCTLR_EL1');
}
