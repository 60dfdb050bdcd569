// SPDX-License-Identifier: GPL-2.0-only
/**
 * Stage 2 translation: from intermediate physical addresses (IPA), which EL1 takes for physical, to
 * physical addresses, by tables of EL2.
 *
 *     VTTBR_EL2 ─ VTCR_EL2.SL0 ─► up to 16 tables side by side ─► level .. 3 ─► address, rights, memory type
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.2.3 (stage 2), D8.3.1 (descriptors), D8.4.2
 * (permissions), D8.6 (attributes), D24.2.185 (VTCR_EL2).
 */

import {
  ADDRESS_BITS,
  faultOf,
  GRANULE_TG0,
  type ReadDescriptor,
  type TranslationFault,
} from '#emulator/cpu/translate.ts';

export interface Stage2Registers {
  readonly vtcr: bigint;
  readonly vttbr: bigint;
}

/** Rights to a page, of either stage. */
export const RIGHT = { read: 1, write: 2, fetch: 4 } as const;

export type Stage2Result =
  | {
      readonly ok: true;
      /** Physical address of the requested IPA. */
      readonly pa: number;
      readonly level: number;
      /** {@link RIGHT} bits of EL1 and EL0; with FEAT_XNX they may differ in `fetch`. */
      readonly el1: number;
      readonly el0: number;
      readonly isDevice: boolean;
      /** Address of the leaf descriptor. */
      readonly leaf: number;
      /** True when hardware must set its access flag. */
      readonly isOld: boolean;
      /** True for a writable-clean leaf, whose dirty state hardware manages. */
      readonly isClean: boolean;
    }
  /** `lost`: address of the descriptor that could not be read. */
  | { readonly ok: false; readonly fault: TranslationFault; readonly lost: number };

const VALID = 1n;
const TABLE = 2n;
const S2AP_READ = 1n << 6n;
const S2AP_WRITE = 1n << 7n;
const ACCESS_FLAG = 1n << 10n;
const DIRTY_BIT_MODIFIER = 1n << 51n;
/** Up to 2 ** 4 tables are concatenated at the first level. */
const CONCATENATED_BITS = 4;

const field = (value: bigint, low: number, bits: number): number =>
  Number((value >> BigInt(low)) & ((1n << BigInt(bits)) - 1n));

/** Extensions of stage 2 beyond Armv8.0. */
export interface Stage2Extensions {
  /** XN has two bits, which separate EL1 and EL0 (ID_AA64MMFR1_EL1.XNX). */
  readonly xnx: boolean;
  /** Hardware sets the access flag and manages the dirty state: VTCR_EL2.HA and HD, FEAT_HAFDBS. */
  readonly accessFlag: boolean;
  readonly dirtyState: boolean;
}

export function walkStage2(
  ipa: number,
  { vtcr, vttbr }: Stage2Registers,
  read: ReadDescriptor,
  physicalBits: number,
  extensions: Stage2Extensions,
): Stage2Result {
  const fail = (kind: TranslationFault['kind'], level: number, lost = 0): Stage2Result => ({
    ok: false,
    fault: faultOf(kind, level),
    lost,
  });
  const address = BigInt(ipa);
  const inputBits = 64 - field(vtcr, 0, 6);
  const granuleShift = GRANULE_TG0[field(vtcr, 14, 2)] as number;
  const stride = granuleShift - 3;
  const sl0 = field(vtcr, 6, 2);
  const start = granuleShift === 12 ? 2 - sl0 : 3 - sl0;
  const startShift = granuleShift + (3 - start) * stride;
  const startBits = inputBits - startShift;
  const isPossible = sl0 < 3 && inputBits <= Math.min(physicalBits, 48) && startBits > 0;
  if (!isPossible || startBits > stride + CONCATENATED_BITS || address >> BigInt(inputBits) !== 0n) {
    return fail('translation', 0);
  }
  const outputBits = Math.min(ADDRESS_BITS[field(vtcr, 16, 3)] ?? 48, physicalBits);
  let table = BigInt.asUintN(48, vttbr) & ~((1n << BigInt(startBits + 3)) - 1n);
  if (table >> BigInt(outputBits) !== 0n) return fail('address size', 0);

  for (let level = start; ; level++) {
    const shift = granuleShift + (3 - level) * stride;
    const index = field(address, shift, level === start ? startBits : stride);
    const at = Number(table) + index * 8;
    const descriptor = read(at);
    if (descriptor === null) return fail('external abort on walk', level, at);
    const isTableOrPage = (descriptor & TABLE) !== 0n;
    const mayBeBlock = level === 2 || (level === 1 && granuleShift === 12);
    if ((descriptor & VALID) === 0n || (!isTableOrPage && !mayBeBlock)) return fail('translation', level);
    const output = BigInt.asUintN(48, descriptor) & ~((1n << BigInt(granuleShift)) - 1n);
    if (isTableOrPage && level < 3) {
      if (output >> BigInt(outputBits) !== 0n) return fail('address size', level);
      table = output;
      continue;
    }
    const span = (1n << BigInt(shift)) - 1n;
    const base = output & ~span;
    if (base >> BigInt(outputBits) !== 0n) return fail('address size', level);
    const isOld = (descriptor & ACCESS_FLAG) === 0n;
    if (isOld && !extensions.accessFlag) return fail('access flag', level);
    const xn = field(descriptor, 53, 2);
    const data =
      ((descriptor & S2AP_READ) === 0n ? 0 : RIGHT.read) | ((descriptor & S2AP_WRITE) === 0n ? 0 : RIGHT.write);
    return {
      ok: true,
      pa: Number(base | (address & span)),
      level,
      el1: data | (never(xn, extensions.xnx, 1) ? 0 : RIGHT.fetch),
      el0: data | (never(xn, extensions.xnx, 0) ? 0 : RIGHT.fetch),
      // MemAttr[3:2]: 0b00 is Device memory.
      isDevice: field(descriptor, 4, 2) === 0,
      leaf: at,
      isOld,
      isClean: extensions.dirtyState && (descriptor & S2AP_WRITE) === 0n && (descriptor & DIRTY_BIT_MODIFIER) !== 0n,
    };
  }
}

/**
 * XN: 0b00 all may execute, 0b01 EL0 only, 0b10 none, 0b11 EL1 only. Without XNX only bit 1 counts.
 */
function never(xn: number, hasXnx: boolean, level: 0 | 1): boolean {
  if (!hasXnx) return xn >= 2;
  return xn === 2 || xn === (level === 0 ? 3 : 1);
}
