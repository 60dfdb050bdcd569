// SPDX-License-Identifier: GPL-2.0-only
/**
 * RAM of a board: fills banks in order with the requested size, clips reserved regions to RAM, and
 * splits a bank into entries that fit the tree's size cells.
 *
 *   --memory 3G on pixel6:   0x0_8000_0000 [======= 2 GiB =======]   hole   0x8_8000_0000 [== 1 GiB ==]
 */

import { physAddr } from '#common/address.ts';
import { intersect, rangeOf } from '#common/range.ts';
import { BoardError } from './board-error.ts';
import { size } from '#common/quantities.ts';
import type { RamBank, ReservedRegion } from './types.ts';

/**
 * Size of the pieces into which entries of /memory are split when one cell is too small, as by the
 * Pixel 6's boot loader.
 */
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
 * Clips `windows` to addresses below `bytes`, for RAM that starts at 0 and that does not move
 * around the devices over it; empty parts are left out.
 */
export function cutToSize(windows: readonly RamBank[], bytes: number): RamBank[] {
  return windows.flatMap(({ base, size }) => (bytes > base ? [{ base, size: Math.min(size, bytes - base) }] : []));
}

/**
 * Clips reserved regions to RAM. A region outside is dropped; one that crosses the end of a bank
 * keeps the part inside.
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
