// SPDX-License-Identifier: GPL-2.0-only
/**
 * Virtual addresses as a half and an offset, and checks of their ranges.
 *
 * Inside the mapper, an address is an offset in its half: 48 bits, exact in a `number`, so tables
 * are indexed without `bigint` arithmetic.
 *
 * ```
 *  63        56 55 54       48 47   39 38   30 29   21 20   12 11        0
 * +------------+--+-----------+-------+-------+-------+-------+-----------+
 * | all equal bit 55          |  L0   |  L1   |  L2   |  L3   |  in page  |
 * +------------+--+-----------+-------+-------+-------+-------+-----------+
 *   bit 55 = 0: TTBR0, the low half         bit 55 = 1: TTBR1, the high half
 * ```
 * Specification: Arm ARM DDI 0487 K.a, D8.2 (T0SZ = T1SZ = 16, no top-byte-ignore).
 */

import { PAGE_SIZE, type VirtAddr, hex, virtAddr } from '#common/address.ts';
import type { Range } from '#common/range.ts';
import { ENTRIES_PER_TABLE, LEVEL_SPAN, type Level } from './descriptor.ts';
import { MapError } from './map-error.ts';

/** Half of the address space: low is TTBR0_EL1's, high is TTBR1_EL1's. */
export type Half = 'low' | 'high';

/** Size of a half in bytes: 2^48. */
export const HALF_BYTES = 2 ** 48;
const HIGH_BASE = 0xffff_0000_0000_0000n;

/** Half that bit 55 of `va` selects, canonical or not. */
export function halfOf(va: VirtAddr): Half {
  return ((va >> 55n) & 1n) === 0n ? 'low' : 'high';
}

/** True when bits [63:48] equal bit 55. Other addresses are translation faults of level 0. */
export function isCanonical(va: VirtAddr): boolean {
  return va >> 48n === (halfOf(va) === 'low' ? 0n : 0xffffn);
}

/** Offset of `va` in its half, in bytes. */
export function offsetOf(va: VirtAddr): number {
  return Number(va & 0xffff_ffff_ffffn);
}

/** Address at `offset` bytes in `half`. */
export function addressAt(half: Half, offset: number): VirtAddr {
  return virtAddr((half === 'low' ? 0n : HIGH_BASE) + BigInt(offset));
}

/** Index into the table of `level` for an offset. */
export function tableIndex(offset: number, level: Level): number {
  return Math.floor(offset / LEVEL_SPAN[level]) % ENTRIES_PER_TABLE;
}

/**
 * [va, va + bytes) as offsets in `half`.
 * @throws MapError Misaligned when `va` or `bytes` is not a positive multiple of 4 KiB;
 * InvalidVirtualAddress when `va` is not canonical, is in the other half, or the range leaves the
 * half
 */
export function checkedRange(half: Half, va: VirtAddr, bytes: number): Range {
  if (!isCanonical(va)) throw new MapError('InvalidVirtualAddress', va, 'bits 63 to 48 differ from bit 55');
  if (halfOf(va) !== half) throw new MapError('InvalidVirtualAddress', va, `not in the ${half} half`);
  const start = offsetOf(va);
  if (start % PAGE_SIZE !== 0) throw new MapError('Misaligned', va, 'virtual address is not a multiple of 4 KiB');
  if (!Number.isSafeInteger(bytes) || bytes <= 0 || bytes % PAGE_SIZE !== 0) {
    throw new MapError('Misaligned', va, `size ${bytes} is not a positive multiple of 4 KiB`);
  }
  const end = start + bytes;
  if (end > HALF_BYTES) throw new MapError('InvalidVirtualAddress', va, `${hex(bytes)} bytes leave the ${half} half`);
  return { start, end };
}

/** Part of a range that one entry covers. */
export interface EntrySlice extends Range {
  readonly index: number;
  /** First offset that the entry covers, which may be before `start`. */
  readonly entryStart: number;
  /** True when the range covers the whole entry. */
  readonly whole: boolean;
}

/** Entries of one table of `level` that `range` touches, in order. */
export function* entriesIn(range: Range, level: Level): Generator<EntrySlice> {
  const span = LEVEL_SPAN[level];
  for (let entryStart = range.start - (range.start % span); entryStart < range.end; entryStart += span) {
    const start = Math.max(entryStart, range.start);
    const end = Math.min(entryStart + span, range.end);
    yield { index: tableIndex(entryStart, level), entryStart, start, end, whole: end - start === span };
  }
}
