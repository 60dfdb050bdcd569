// SPDX-License-Identifier: GPL-2.0-only
/**
 * RAM of a board: filling banks in order with what the user asked for, cutting reserved regions to
 * what exists, and splitting a bank into the entries that a tree's size cells can express.
 *
 *   --memory 3G on pixel6:   0x0_8000_0000 [======= 2 GiB =======]   hole   0x8_8000_0000 [== 1 GiB ==]
 */

import { physAddr } from '#common/address.ts';
import { intersect, rangeOf } from '#common/range.ts';
import { BoardError } from './board-error.ts';
import { size } from '#common/quantities.ts';
import type { RamBank, ReservedRegion } from './types.ts';

/** Entries of /memory are cut here where one cell is too small, as by the Pixel 6's boot loader. */
const SPLIT_BYTES = 2 * 2 ** 30;

/**
 * Distributes `bytes` over `slots` (base and capacity) in their order; empty banks are left out.
 * @throws BoardError when the slots cannot hold it
 */
export function fillBanks(slots: readonly RamBank[], bytes: number): RamBank[] {
  const banks: RamBank[] = [];
  let rest = bytes;
  for (const slot of slots) {
    const part = Math.min(rest, slot.size);
    if (part > 0) banks.push({ base: slot.base, size: part });
    rest -= part;
  }
  if (rest > 0) throw new BoardError(`${size(bytes)} of memory is ${size(rest)} more than the banks hold`);
  return banks;
}

/**
 * The parts of `windows` below `bytes`, where RAM starts at 0 and does not make room for what lies
 * over it; empty ones are left out.
 */
export function cutToSize(windows: readonly RamBank[], bytes: number): RamBank[] {
  return windows.flatMap(({ base, size }) => (bytes > base ? [{ base, size: Math.min(size, bytes - base) }] : []));
}

/**
 * The parts of the regions inside RAM. A region outside is dropped; one that crosses the end of a
 * bank keeps its part inside.
 */
export function clipToRam(regions: readonly ReservedRegion[], banks: readonly RamBank[]): ReservedRegion[] {
  return regions.flatMap((region) =>
    intersect([rangeOf(region)], banks.map(rangeOf)).map(({ start, end }) => ({
      ...region,
      base: physAddr(start),
      size: end - start,
    })),
  );
}

/** `bank` as entries whose size fits `sizeCells` cells: itself, or pieces of 2 GiB and a rest. */
export function memoryEntries(bank: RamBank, sizeCells: number): RamBank[] {
  if (sizeCells > 1 || bank.size < 2 ** 32) return [bank];
  const entries: RamBank[] = [];
  for (let offset = 0; offset < bank.size; offset += SPLIT_BYTES) {
    entries.push({ base: physAddr(bank.base + offset), size: Math.min(SPLIT_BYTES, bank.size - offset) });
  }
  return entries;
}
