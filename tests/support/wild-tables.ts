// SPDX-License-Identifier: GPL-2.0-only
/**
 * Translation tables that no sane kernel would write: every entry of every table random, with
 * random hierarchical and leaf attributes, for any granule and any size of the address space. Used
 * to hold the emulator's walker against the engine where the kernel's own tables never come. Not a
 * test.
 *
 *     TTBR ─► start level ─► … ─► level 3        each entry: invalid, a table of the next level, or a leaf
 *              1 table      2 tables a level
 *
 * Left out is what the engine is known to answer against the Arm ARM
 * (tests/cpu-deviations.test.ts): output addresses beyond the CPU's size, blocks where the granule
 * has none, blocks with address bits below their size, tables outside RAM.
 */

import type { MmuBench } from './mmu-differential.ts';
import { MAPPED_FRAMES, WILD_TABLES } from './mmu-differential.ts';

/**
 * First byte of the bank that holds the bench's code and tables; they end where WILD_TABLES ends.
 */
const BENCH_START = 0x4000_0000n;

type Random = () => number;

/**
 * log2 of the granule with the values of TCR.TG0 and TCR.TG1 for it (Arm ARM D24.2.213), the
 * reserved value among those that the engine takes it for.
 */
const GRANULES = [
  { shift: 12, tg0: [0n], tg1: [2n, 0n] },
  { shift: 14, tg0: [2n], tg1: [1n] },
  { shift: 16, tg0: [1n, 3n], tg1: [3n] },
] as const;

/** Tables that were written and the registers that select them. */
export interface WildTables {
  readonly granuleShift: 12 | 14 | 16;
  /** Bits of an input address. */
  readonly inputBits: number;
  readonly topByteIgnored: boolean;
  readonly upper: boolean;
  readonly root: number;
  /** TCR_EL1 with this half's fields set, the other half's as they were. */
  readonly tcr: bigint;
}

const below = (random: Random, limit: number): number => Math.floor(random() * limit);
const pick = <T>(random: Random, items: readonly T[]): T => items[below(random, items.length)] as T;
const bits = (random: Random, count: number): bigint =>
  BigInt.asUintN(count, (BigInt(below(random, 2 ** 32)) << 32n) | BigInt(below(random, 2 ** 32)));
const chance = (random: Random, probability: number): boolean => random() < probability;

/** Writes tables for one half and returns how to switch to them. `tcr` is TCR_EL1 as it is. */
export function writeWildTables(bench: MmuBench, random: Random, upper: boolean, tcr: bigint): WildTables {
  const granule = pick(random, GRANULES);
  // TxSZ of 16 is what kernels use: often, since only there the start level is full.
  const inputBits = pick(random, [48, 25, 25 + below(random, 24), 25 + below(random, 24)]);
  // Values of TxSZ out of range stand for the nearest in range.
  const sizeField =
    inputBits === 48
      ? pick(random, [16, below(random, 17)])
      : inputBits === 25
        ? 39 + below(random, 25)
        : 64 - inputBits;
  const topByteIgnored = chance(random, 0.3);
  const hierarchyIgnored = chance(random, 0.2);
  const stride = granule.shift - 3;
  const startLevel = 4 - Math.ceil((inputBits - granule.shift) / stride);

  const tableBytes = 2 ** granule.shift;
  let next = WILD_TABLES.start;
  const tablesOf = new Map<number, number[]>();
  for (let level = startLevel; level <= 3; level++) {
    const count = level === startLevel ? 1 : 2;
    tablesOf.set(
      level,
      Array.from({ length: count }, () => (next += tableBytes) - tableBytes),
    );
  }
  for (const [level, tables] of tablesOf) {
    for (const table of tables) {
      const entries = BigUint64Array.from({ length: tableBytes / 8 }, () =>
        randomDescriptor(random, granule.shift, level, tablesOf.get(level + 1) ?? []),
      );
      bench.memory.writeBytes(table, new Uint8Array(entries.buffer));
    }
  }

  const shift = upper ? 16n : 0n;
  const fields: readonly [low: bigint, width: bigint, value: bigint][] = [
    [shift, 6n, BigInt(sizeField)],
    [shift + 7n, 1n, 0n],
    [shift + 14n, 2n, pick(random, upper ? granule.tg1 : granule.tg0)],
    [upper ? 38n : 37n, 1n, topByteIgnored ? 1n : 0n],
    [upper ? 42n : 41n, 1n, hierarchyIgnored ? 1n : 0n],
  ];
  const changed = fields.reduce(
    (value, [low, width, field]) => (value & ~(((1n << width) - 1n) << low)) | (field << low),
    tcr,
  );
  return {
    granuleShift: granule.shift,
    inputBits,
    topByteIgnored,
    upper,
    root: WILD_TABLES.start,
    tcr: changed,
  };
}

function randomDescriptor(random: Random, granuleShift: number, level: number, next: readonly number[]): bigint {
  if (chance(random, 0.1)) return bits(random, 64) & ~1n;
  if (level < 3 && chance(random, 0.6)) {
    const table = next[below(random, next.length)] as number;
    const hierarchical = bits(random, 5) & bits(random, 5) & bits(random, 5);
    return BigInt(table) | (hierarchical << 59n) | (bits(random, 10) << 2n) | 3n;
  }
  const blocks = level === 2 || (level === 1 && granuleShift === 12);
  // Bit 1 clear is a block, or at level 3 a reserved encoding; where there are no blocks, an
  // invalid entry stands in for it.
  if (level < 3 && !blocks) return bits(random, 64) & ~1n;
  const type = level === 3 && chance(random, 0.95) ? 3n : 1n;
  const accessFlag = chance(random, 0.9) ? 1n << 10n : 0n;
  const low = (bits(random, 10) << 2n) & ~(1n << 10n);
  const sizeShift = BigInt(granuleShift + (3 - level) * (granuleShift - 3));
  return outputAddress(random, sizeShift) | (bits(random, 14) << 50n) | low | accessFlag | type;
}

/**
 * Output address of a leaf of 2^sizeShift bytes: RAM as often as not, else anything that the CPU
 * can put out (44 bits), but never what the bench itself executes and keeps its tables in.
 */
function outputAddress(random: Random, sizeShift: bigint): bigint {
  const { start, end } = pick(random, MAPPED_FRAMES.slice(0, 2));
  const anywhere = chance(random, 0.5) ? bits(random, 44) : BigInt(start + below(random, end - start));
  const base = (anywhere >> sizeShift) << sizeShift;
  const holdsBench = base < BigInt(WILD_TABLES.end) && base + (1n << sizeShift) > BENCH_START;
  return holdsBench ? base | (1n << 43n) : base;
}

/**
 * Addresses in and around the half that `wild` translates: most inside, some beyond its size, some
 * with tags.
 */
export function wildAddresses(random: Random, wild: WildTables, count: number): bigint[] {
  const { inputBits, upper, topByteIgnored } = wild;
  return Array.from({ length: count }, () => {
    const inside = bits(random, inputBits);
    const address = upper ? BigInt.asUintN(64, inside - (1n << BigInt(inputBits))) : inside;
    if (topByteIgnored && chance(random, 0.5)) return BigInt.asUintN(56, address) | (bits(random, 8) << 56n);
    return chance(random, 0.1) ? address ^ (1n << BigInt(inputBits + below(random, 64 - inputBits))) : address;
  });
}
