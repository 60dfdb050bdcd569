// SPDX-License-Identifier: GPL-2.0-only
/**
 * System registers that are storage: their reset values and writable bits. Other effects of a read
 * or a write are in system-registers.ts.
 *
 * Identification registers hold the values of the core's type (core-types.ts). Registers and bits
 * of an extension exist where the type claims the extension.
 *
 * Source: Arm ARM DDI 0487 K.a, D24; Cortex-A72 TRM, 4.3.
 */

import type { CoreType } from '#emulator/a64/core-types.ts';
import type { Feature } from '#emulator/a64/features.ts';
import { ID_REGISTERS } from '#emulator/a64/id-registers.ts';
import {
  SYSTEM_REGISTERS,
  type SystemRegisterEncoding,
  systemRegisterNumber,
} from '#emulator/engine/system-registers.ts';
import { HCR } from './hypervisor.ts';

/**
 * Effect of a write on the core: translations change, other tables are in force, FP may be trapped,
 * EL2's control of EL1 changes (tables, interrupts, traps), or none.
 */
export type Effect = 'translation' | 'tables' | 'hypervisor tables' | 'trap' | 'hypervisor' | 'none';

interface Row {
  readonly encoding: SystemRegisterEncoding;
  readonly reset: bigint;
  /** Writable bits; 0 for a read-only register. */
  readonly mask: bigint;
  readonly effect: Effect;
  /** Further writable bits where the core has an extension. */
  readonly more?: readonly (readonly [Feature, bigint])[];
  /** Extension without which the register does not exist. */
  readonly feature?: Feature;
  /** Base register of a set/clear pair: a write sets or clears bits of it. */
  readonly bitsOf?: { readonly base: SystemRegisterEncoding; readonly clears: boolean };
}

const ALL = 2n ** 64n - 1n;
const WORD = 2n ** 32n - 1n;

const row = (encoding: SystemRegisterEncoding, reset = 0n, mask = ALL, effect: Effect = 'none'): Row => ({
  encoding,
  reset,
  mask,
  effect,
});
const constant = (encoding: SystemRegisterEncoding, value: bigint): Row => row(encoding, value, 0n);
const translation = (encoding: SystemRegisterEncoding, reset = 0n): Row => row(encoding, reset, ALL, 'translation');
const bits = (
  base: SystemRegisterEncoding,
  set: SystemRegisterEncoding,
  clear: SystemRegisterEncoding,
  mask: bigint,
) => [
  row(base, 0n, mask),
  { ...row(set, 0n, mask), bitsOf: { base, clears: false } },
  { ...row(clear, 0n, mask), bitsOf: { base, clears: true } },
];

const S = SYSTEM_REGISTERS;
/** RES1 bits of Armv8.0; little-endian, MMU off. */
const SCTLR_EL1_RESET = 0x00c5_0838n;
const CSSELR_EL1: SystemRegisterEncoding = [3, 2, 0, 0, 0];
const CCSIDR_EL1: SystemRegisterEncoding = [3, 1, 0, 0, 0];
/** TCR_EL1: the Armv8.0 fields; HA and HD; HPD0 and HPD1; HWU059 to HWU162. */
const TCR_EL1_BITS = 2n ** 39n - 1n;
const TCR_HA = 1n << 39n;
const TCR_HD = 1n << 40n;
const TCR_HPD = 3n << 41n;
const TCR_HWU = 0xffn << 43n;

const ROWS: readonly Row[] = [
  ...Object.values(ID_REGISTERS).map((encoding) => constant(encoding, 0n)),
  constant(CCSIDR_EL1, 0n),
  constant([3, 1, 0, 0, 7], 0n),
  row(CSSELR_EL1, 0n, 0xfn),

  // Debug registers that DebugRegisters does not keep: MDRAR_EL1, OSDLR_EL1, DBGPRCR_EL1,
  // MDCCSR_EL0.
  constant([2, 0, 1, 0, 0], 0n),
  row([2, 0, 1, 3, 4], 0n, 1n),
  row([2, 0, 1, 4, 4], 0n, 1n),
  constant([2, 3, 0, 1, 0], 0n),

  translation(S.SCTLR_EL1, SCTLR_EL1_RESET),
  row([3, 0, 1, 0, 1]),
  row(S.CPACR_EL1, 0n, 0x3n << 20n, 'trap'),
  row(S.TTBR0_EL1, 0n, ALL, 'tables'),
  row(S.TTBR1_EL1, 0n, ALL, 'tables'),
  {
    ...row(S.TCR_EL1, 0n, TCR_EL1_BITS, 'translation'),
    more: [
      ['HAF', TCR_HA],
      ['HAFDBS', TCR_HD],
      ['HPDS', TCR_HPD],
      ['HPDS2', TCR_HWU],
    ],
  },
  row(S.SPSR_EL1, 0n, WORD),
  row(S.ELR_EL1),
  row([3, 0, 5, 1, 0]),
  row([3, 0, 5, 1, 1]),
  row(S.ESR_EL1, 0n, WORD),
  row(S.FAR_EL1),
  row(S.PAR_EL1),
  translation(S.MAIR_EL1),
  row([3, 0, 10, 3, 0]),
  // LORegions: LORID_EL1 is 0, there are none, so these registers have no effect.
  ...[0, 1, 2, 3].map((op2): Row => ({ ...row([3, 0, 10, 4, op2]), feature: 'LOR' })),
  { ...constant([3, 0, 10, 4, 7], 0n), feature: 'LOR' },
  // RAS: ERRIDR_EL1 says that there are no error records; DISR_EL1; those of EL2.
  { ...constant([3, 0, 5, 3, 0], 0n), feature: 'RAS' },
  { ...row([3, 0, 12, 1, 1]), feature: 'RAS' },
  { ...row([3, 4, 5, 2, 3], 0n, WORD), feature: 'RAS' },
  { ...row([3, 4, 12, 1, 1]), feature: 'RAS' },
  row(S.VBAR_EL1, 0n, ALL ^ 0x7ffn),
  constant([3, 0, 12, 1, 0], 0n),
  row([3, 0, 13, 0, 1], 0n, WORD),
  row([3, 0, 13, 0, 4]),
  row([3, 3, 13, 0, 2]),
  row([3, 3, 13, 0, 3]),

  ...bits([3, 0, 9, 14, 1], [3, 0, 9, 14, 1], [3, 0, 9, 14, 2], WORD),
  row([3, 3, 9, 12, 0], 0x4100_2040n, 0x7fn),
  ...bits([3, 3, 9, 12, 1], [3, 3, 9, 12, 1], [3, 3, 9, 12, 2], 0x8000_000fn),
  ...bits([3, 3, 9, 14, 3], [3, 3, 9, 14, 3], [3, 3, 9, 12, 3], 0x8000_000fn),
  row([3, 3, 9, 12, 5], 0n, 0x1fn),
  constant([3, 3, 9, 12, 6], 0x2_0001n),
  constant([3, 3, 9, 12, 7], 0n),
  row([3, 3, 9, 13, 0]),
  row([3, 3, 9, 13, 1], 0n, WORD),
  row([3, 3, 9, 13, 2], 0n, WORD),
  row([3, 3, 9, 14, 0], 0n, 0xfn),
  ...[0, 1, 2, 3].flatMap((n) => [row([3, 3, 14, 8, n], 0n, WORD), row([3, 3, 14, 12, n], 0n, WORD)]),
  row([3, 3, 14, 15, 7], 0n, WORD),

  row([3, 4, 0, 0, 0], 0x410f_d083n),
  row([3, 4, 0, 0, 5], 0x8000_0000n),
  translation(S.SCTLR_EL2),
  row([3, 4, 1, 0, 1]),
  {
    ...row(S.HCR_EL2, 0n, 2n ** 34n - 1n, 'hypervisor'),
    more: [
      ['VHE', HCR.e2h],
      ['LOR', HCR.tlor],
      ['RAS', HCR.terr | HCR.tea],
    ],
  },
  row([3, 4, 1, 1, 1], 0n, ALL, 'hypervisor'),
  row([3, 4, 1, 1, 2], 0n, ALL, 'trap'),
  row([3, 4, 1, 1, 3]),
  row([3, 4, 1, 1, 7]),
  row([3, 4, 2, 0, 0], 0n, ALL, 'hypervisor tables'),
  { ...row([3, 4, 2, 0, 1], 0n, ALL, 'hypervisor tables'), feature: 'VHE' },
  translation([3, 4, 2, 0, 2]),
  row([3, 4, 2, 1, 0], 0n, ALL, 'tables'),
  row([3, 4, 2, 1, 2], 0n, WORD, 'tables'),
  row([3, 4, 3, 0, 0], 0n, WORD),
  row(S.SPSR_EL2, 0n, WORD),
  row(S.ELR_EL2),
  ...[0, 1, 2, 3].map((n) => row([3, 4, 4, 3, n], 0n, WORD)),
  row([3, 4, 5, 0, 1], 0n, WORD),
  row([3, 4, 5, 1, 0]),
  row([3, 4, 5, 1, 1]),
  row(S.ESR_EL2, 0n, WORD),
  row([3, 4, 5, 3, 0], 0n, WORD),
  row(S.FAR_EL2),
  row([3, 4, 6, 0, 4]),
  translation([3, 4, 10, 2, 0]),
  row([3, 4, 10, 3, 0]),
  row(S.VBAR_EL2, 0n, ALL ^ 0x7ffn),
  { ...row([3, 4, 13, 0, 1], 0n, WORD), feature: 'VHE' },
  row([3, 4, 13, 0, 2]),

  translation(S.SCTLR_EL3, SCTLR_EL1_RESET),
  row([3, 6, 1, 0, 1]),
  translation(S.SCR_EL3),
  row([3, 6, 1, 1, 1]),
  row([3, 6, 1, 1, 2], 0n, ALL, 'trap'),
  row([3, 6, 1, 3, 1]),
  translation([3, 6, 2, 0, 0]),
  translation([3, 6, 2, 0, 2]),
  row(S.SPSR_EL3, 0n, WORD),
  row(S.ELR_EL3),
  row([3, 6, 5, 1, 0]),
  row([3, 6, 5, 1, 1]),
  row(S.ESR_EL3, 0n, WORD),
  row(S.FAR_EL3),
  translation([3, 6, 10, 2, 0]),
  row([3, 6, 10, 3, 0]),
  row(S.VBAR_EL3, 0n, ALL ^ 0x7ffn),
  constant([3, 6, 12, 0, 1], 0n),
  row([3, 6, 13, 0, 2]),
];

/** Place of a register in the core's block, and the effect of a write on it. */
export interface StoredRegister {
  readonly place: number;
  readonly reset: bigint;
  readonly mask: bigint;
  readonly effect: Effect;
  readonly how: 'value' | 'set bits' | 'clear bits';
  readonly more: readonly (readonly [Feature, bigint])[];
  readonly feature: Feature | null;
  /**
   * True when a write replaces all bits and has no effect: so for most registers, and for those
   * that an exception writes.
   */
  readonly isPlain: boolean;
}

const table = (): ReadonlyMap<number, StoredRegister> => {
  const found = new Map<number, StoredRegister>();
  ROWS.forEach(({ encoding, reset, mask, effect, bitsOf, more = [], feature = null }, index) => {
    const key = systemRegisterNumber(encoding);
    const base = bitsOf === undefined ? undefined : found.get(systemRegisterNumber(bitsOf.base));
    const how = bitsOf === undefined ? 'value' : bitsOf.clears ? 'clear bits' : 'set bits';
    const isPlain = mask === ALL && effect === 'none' && how === 'value';
    found.set(key, { place: base?.place ?? index, reset, mask, effect, how, more, feature, isPlain });
  });
  return found;
};

/** Stored registers of all cores, by systemRegisterNumber. */
export const STORED_REGISTERS: ReadonlyMap<number, StoredRegister> = table();

/** Stored registers of one core type, with its reset values and writable bits. */
export function registersOf({ has, registers, caches }: CoreType): ReadonlyMap<number, StoredRegister> {
  const found = new Map<number, StoredRegister>();
  for (const [key, register] of STORED_REGISTERS) {
    if (register.feature !== null && !has(register.feature)) continue;
    const mask = register.more.reduce((bits, [feature, more]) => bits | (has(feature) ? more : 0n), register.mask);
    const reset = key === CCSIDR ? caches[0] : (registers.get(key) ?? register.reset);
    found.set(key, { ...register, mask, reset });
  }
  return found;
}

/** CCSIDR_EL1 describes the cache that CSSELR_EL1 selects. */
export const CCSIDR = systemRegisterNumber(CCSIDR_EL1);
export const CSSELR = systemRegisterNumber(CSSELR_EL1);
