// SPDX-License-Identifier: GPL-2.0-only
/** Words and operands of the comparison: any, and often what arithmetic and memory get wrong. */

import type { Feature } from '#emulator/a64/features.ts';
import type { Instruction } from '#emulator/a64/decode/instruction.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import { PAGES } from './comparison-pages.ts';
import type { RandomSource } from './random.ts';

/** Random words to try before a row counts as having none. */
const MOST_TRIES = 300;

/** FPCR's RMode, FZ and DN. */
const RMODE_SHIFT = 22;
const FZ = 1 << 24;
const DN = 1 << 25;

/** Values that arithmetic is likely to get wrong. */
const CORNERS = [0n, 1n, 2n, 0x7fn, 0x80n, 0xffn, 0x7fff_ffffn, 0x8000_0000n, 0xffff_ffffn, 2n ** 63n - 1n, 2n ** 63n];

/** FP corner values, in any of the sizes. */
const FP_CORNERS = [
  0n,
  0x8000_0000_8000_0000n,
  0x3f80_0000_3f80_0000n,
  0x7f80_0000_ff80_0000n,
  0x7fc0_0000_7fa0_0001n,
  0x0000_0001_807f_ffffn,
  0x0080_0000_8080_0000n,
  0x7f7f_ffff_ff7f_ffffn,
  0x4f00_0000_cf00_0000n,
  0x3ff0_0000_0000_0000n,
  0x7ff0_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0x7ff4_0000_0000_0001n,
  0x0000_0000_0000_0001n,
  0x0010_0000_0000_0000n,
  0x8010_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x43e0_0000_0000_0000n,
  0x3c00_7c00_fc00_7e01n,
  0x0001_83ff_7bff_0400n,
];

/** Loads and stores (C4.1, op0 x1x0). */
export const isMemory = (word: number): boolean => (word & 0x0a00_0000) === 0x0800_0000;
/** Exclusive and ordered accesses: their alignment is checked, which Unicorn does not do. */
const isAligned = (word: number): boolean => (word & 0x3f00_0000) === 0x0800_0000;
export const isStoreExclusive = (word: number): boolean => (word & 0x3fc0_0000) === 0x0800_0000;
/** CLREX */
const CLEAR_EXCLUSIVE = 0xd503_3f5f;
const isBranchToRegister = (word: number): boolean => (word & 0xfe00_0000) >>> 0 === 0xd600_0000;

/**
 * One word in this number has the same register in all fields, so an operand is also the result.
 */
const SAME_REGISTERS = 5;

/** Random fields until the row is what the word means to a core that `has` features. */
export function wordOf(row: Instruction, random: RandomSource, has: (feature: Feature) => boolean): number | null {
  const { mask, value } = row.pattern;
  const areSame = random.oneIn(SAME_REGISTERS);
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const any = (random.word() & ~mask) | value;
    const word = areSame ? withOneRegister(row, any, random.below(32)) : any;
    if (instructionDecoder().decode(word, has) === row) return word;
  }
  return null;
}

/** Rd, Rn, Rm and all others are the same. */
function withOneRegister(row: Instruction, word: number, register: number): number {
  let same = word;
  for (const { name, low, bits } of row.pattern.fields) {
    if (!name.startsWith('R')) continue;
    const mask = (2 ** bits - 1) << low;
    same = (same & ~mask) | ((register << low) & mask);
  }
  return same;
}

/**
 * Words that are executed before `word`, with its base: a store-exclusive finds the monitors open,
 * or set by a load-exclusive of the same size. What it does after another size, or where memory has
 * changed and may not be written, the architecture leaves open.
 */
export function wordsBefore(word: number, random: RandomSource): readonly number[] {
  if (!isStoreExclusive(word)) return [];
  // L is set, and Rs is 31.
  return random.oneIn(2) ? [CLEAR_EXCLUSIVE] : [CLEAR_EXCLUSIVE, (word | 0x005f_0000) >>> 0];
}

export interface Operands {
  /** Register and value; 31 is SP. The base of an access is the last one. */
  readonly x: readonly (readonly [number, bigint])[];
  readonly v: readonly (readonly [number, bigint])[];
  readonly fpcr: number;
}

export function operandsFor(row: Instruction, word: number, usesFp: boolean, random: RandomSource): Operands {
  const fields = row.pattern.fields.filter(({ name }) => name.startsWith('R'));
  const of = (low: number): number => (word >>> low) & 31;
  const accesses = isMemory(word);
  const x = fields.map(({ name, low }) => {
    const value = accesses && name === 'Rm' ? indexFor(random) : valueFor(random);
    return [of(low), value] as const;
  });
  // The base last: it may be another operand as well.
  const base = fields.find(({ name }) => name === 'Rn');
  if (base !== undefined && accesses) x.push([of(base.low), addressFor(word, random)]);
  if (base !== undefined && isBranchToRegister(word)) {
    x.push([of(base.low), BigInt(PAGES.code + 4 * random.below(1024))]);
  }
  const v = usesFp ? fields.map(({ low }) => [of(low), (vectorFor(random) << 64n) | vectorFor(random)] as const) : [];
  const fpcr = (random.below(4) << RMODE_SHIFT) | (random.oneIn(3) ? FZ : 0) | (random.oneIn(3) ? DN : 0);
  return { x, v, fpcr: usesFp ? fpcr : 0 };
}

function valueFor(random: RandomSource): bigint {
  switch (random.below(4)) {
    case 0:
      return random.of(CORNERS);
    case 1:
      return BigInt.asUintN(64, -random.of(CORNERS));
    case 2:
      return BigInt(random.word());
    default:
      return random.wide();
  }
}

/** Bytes before the end of a page from which most accesses cross it. */
const NEAR_END = 40;

/**
 * In the window, one in three near the end of a page; now and then nowhere, and where no address is
 * canonical.
 */
function addressFor(word: number, random: RandomSource): bigint {
  if (random.oneIn(40)) return random.of([0n, 0x8000_0000_0000n, 2n ** 64n - 8n, random.wide()]) & ~15n;
  const pages = (PAGES.dataEnd - PAGES.data) / PAGES.page;
  const offset = random.oneIn(3) ? PAGES.page - random.below(NEAR_END) : random.below(PAGES.page);
  const address = BigInt(PAGES.data + PAGES.page * random.below(pages) + offset);
  return isAligned(word) ? address & ~15n : address;
}

const indexFor = (random: RandomSource): bigint =>
  random.oneIn(2) ? BigInt(random.below(256)) : BigInt.asUintN(64, -BigInt(random.below(256)));

const vectorFor = (random: RandomSource): bigint => (random.oneIn(2) ? random.of(FP_CORNERS) : random.wide());
