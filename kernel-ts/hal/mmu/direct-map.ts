// SPDX-License-Identifier: GPL-2.0-only
/**
 * The direct map: physical ranges at VA = PA + physicalOffset, each with its attributes.
 *
 * ```
 *  physical   |dev|      |image: text ro x | rodata ro | data rw |   RAM rw   | no-map |   RAM rw   |
 *                 \            \                \           \          \                    \
 *  virtual   +0xFFFF_8000_0000_0000 for each; what no range names stays unmapped
 * ``` The caller gives the ranges (RAM banks without no-map regions, the parts of the kernel image,
 * devices).
 */

import { type PhysAddr, virtAddr } from '#common/address.ts';
import type { Range } from '#common/range.ts';
import type { AddressSpace } from './address-space.ts';
import type { MemoryAttributes } from './descriptor.ts';
import type { MapCounts } from './map.ts';

/** Physical range, multiples of 4 KiB. */
export interface DirectMapRange extends Range<PhysAddr> {
  readonly attrs: MemoryAttributes;
}

/**
 * Maps each range at its address plus `physicalOffset`. Neighbours with the same attributes are
 * joined first, in any order given, so that a block may span both. O(entries written).
 * @returns entries written, by size
 * @throws MapError of `mapRange`; AlreadyMapped when ranges overlap. Ranges before the failing one
 * stay mapped
 */
export function mapDirect(space: AddressSpace, physicalOffset: bigint, ranges: readonly DirectMapRange[]): MapCounts {
  const total = { blocks1GiB: 0, blocks2MiB: 0, pages4KiB: 0 };
  for (const { start, end, attrs } of joinNeighbours(ranges)) {
    const counts = space.mapRange(virtAddr(physicalOffset + BigInt(start)), start, end - start, attrs);
    total.blocks1GiB += counts.blocks1GiB;
    total.blocks2MiB += counts.blocks2MiB;
    total.pages4KiB += counts.pages4KiB;
  }
  return total;
}

function joinNeighbours(ranges: readonly DirectMapRange[]): DirectMapRange[] {
  const joined: DirectMapRange[] = [];
  for (const range of ranges.toSorted((a, b) => a.start - b.start)) {
    const last = joined.at(-1);
    if (last !== undefined && last.end === range.start && last.attrs === range.attrs) {
      joined[joined.length - 1] = { ...last, end: range.end };
    } else {
      joined.push(range);
    }
  }
  return joined;
}
