// SPDX-License-Identifier: GPL-2.0-only
/**
 * Random page tables of the low half, in any granule, in the memory of a machine; and addresses
 * that lead somewhere in them. Not a test.
 *
 * Only tables that every engine must understand in the same way are made: block sizes that exist,
 * output addresses that are multiples of them, tables in RAM.
 */

import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';

export type Granule = 12 | 14 | 16;

/** TCR_EL1.TG0. */
const TG0: Readonly<Record<Granule, bigint>> = { 12: 0n, 14: 2n, 16: 1n };
/** The levels that have blocks. */
const BLOCK_LEVELS: Readonly<Record<Granule, readonly number[]>> = { 12: [1, 2], 14: [2], 16: [2] };
const TABLE_OR_PAGE = 3n;
const BLOCK = 1n;
const ACCESS_FLAG = 1n << 10n;
const NOT_GLOBAL = 1n << 11n;
/** Tables and entries of one tree; the addresses go through the entries. */
const MOST_TABLES = 40;
const ENTRIES_EACH = 7;

/** An entry that was written, and the table that it leads to. */
interface Entry {
  readonly index: number;
  readonly next: number | null;
}

export interface RandomTree {
  readonly root: number;
  /** T0SZ and TG0 of TCR_EL1. */
  readonly control: bigint;
  /** An address of the low half; nearly always one that leads through entries that were written. */
  readonly address: () => bigint;
}

/**
 * @param tables RAM for tables, a multiple of 64 KiB @param ram where leaves lead, in whole
 * granules; larger blocks go where they must
 */
export function randomTree(
  memory: PhysicalMemory,
  granule: Granule,
  random: () => number,
  tables: number,
  ram: { readonly start: number; readonly end: number },
): RandomTree {
  const below = (n: number): number => Math.floor(random() * n);
  const stride = granule - 3;
  const inputBits = 25 + below(24);
  const startLevel = 4 - Math.ceil((inputBits - granule) / stride);
  const size = 2 ** granule;
  let used = 0;
  const written = new Map<number, Entry[]>();

  const leaf = (level: number): bigint => {
    const span = 2 ** (granule + (3 - level) * stride);
    const first = Math.ceil(ram.start / span);
    const count = Math.max(1, Math.floor(ram.end / span) - first);
    const output = BigInt((first + below(count)) * span);
    // AP, PXN, UXN, SH; normal memory.
    let descriptor = output | BigInt(below(4) << 6) | (BigInt(below(4)) << 53n) | BigInt(below(2) * 0x300);
    if (random() < 0.9) descriptor |= ACCESS_FLAG;
    if (random() < 0.5) descriptor |= NOT_GLOBAL;
    return descriptor | (level === 3 ? TABLE_OR_PAGE : BLOCK);
  };

  const table = (level: number): number => {
    const at = tables + used++ * size;
    const indexBits = level === startLevel ? inputBits - (granule + (3 - level) * stride) : stride;
    memory.writeBytes(at, new Uint8Array(size));
    const entries: Entry[] = [];
    written.set(at, entries);
    for (let entry = 0; entry < ENTRIES_EACH; entry++) {
      const index = below(2 ** indexBits);
      if (entries.some((other) => other.index === index)) continue;
      const isBlock = BLOCK_LEVELS[granule].includes(level) && random() < 0.3;
      const isTable = level < 3 && !isBlock && random() < 0.9 && used < MOST_TABLES;
      const next = isTable ? table(level + 1) : null;
      // APTable, PXNTable and UXNTable now and then.
      const limits = random() < 0.2 ? BigInt(below(16)) << 59n : 0n;
      const value =
        next !== null
          ? BigInt(next) | TABLE_OR_PAGE | limits
          : (isBlock || level === 3) && random() < 0.9
            ? leaf(level)
            : BigInt(below(2 ** 30)) << 2n;
      memory.write64(at + 8 * index, value);
      entries.push({ index, next });
    }
    return at;
  };

  const root = table(startLevel);
  const address = (): bigint => {
    let va = 0n;
    let at: number | null = root;
    for (let level = startLevel; level <= 3; level++) {
      const shift = granule + (3 - level) * stride;
      const entries: readonly Entry[] = at === null ? [] : (written.get(at) ?? []);
      const known: Entry | undefined = entries[below(entries.length)];
      const indexBits = level === startLevel ? inputBits - shift : stride;
      const taken: Entry =
        known !== undefined && random() < 0.95 ? known : { index: below(2 ** indexBits), next: null };
      at = taken.next;
      va |= BigInt(taken.index) << BigInt(shift);
    }
    va |= BigInt(4 * below(size / 4));
    // Sometimes larger than T0SZ allows.
    return random() < 0.02 ? va | (1n << BigInt(inputBits)) : va;
  };
  return { root, control: BigInt(64 - inputBits) | (TG0[granule] << 14n), address };
}
