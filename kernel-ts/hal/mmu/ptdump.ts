// SPDX-License-Identifier: GPL-2.0-only
/**
 * Dump of a whole translation tree: ranges with equal attributes, counts, and ranges that are both
 * writable and executable.
 *
 * Reads tables only. A tree that loops or points outside the direct map aborts on the read, as a
 * CPU's walk would.
 *
 * Adjacent leaves merge when virtual addresses and output addresses are contiguous and attributes
 * are equal; sizes may differ within a range and are counted.
 */

import { type PhysAddr, type VirtAddr, physAddr } from '#common/address.ts';
import {
  attributesOf,
  kindOf,
  LEVEL_SPAN,
  leafAddress,
  permissionsOf,
  restrictByTable,
  tableAddress,
} from './descriptor.ts';
import type { Level, MemoryAttributes } from './descriptor.ts';
import type { MapCounts } from './map.ts';
import type { TableMemory } from './table-memory.ts';
import { type Half, addressAt } from './virtual-range.ts';

/** Maximal run of leaves: [vaStart, vaStart + bytes) to [paStart, paStart + bytes). */
export interface TableRange {
  readonly vaStart: VirtAddr;
  /** End of the range, not wrapped: that of the high half is 2^64. */
  readonly vaEnd: bigint;
  readonly paStart: PhysAddr;
  readonly bytes: number;
  /** Effective attributes, with the restrictions of the tables above. */
  readonly attrs: MemoryAttributes;
  readonly counts: MapCounts;
}

/** Summary of a tree. */
export interface TableReport {
  /** Ranges, sorted by address. */
  readonly ranges: readonly TableRange[];
  /** Ranges that some exception level may write and some may execute. */
  readonly writableAndExecutable: readonly TableRange[];
  /** Number of tables by level, the root first. */
  readonly tables: readonly [number, number, number, number];
  readonly leaves: MapCounts;
}

/** True when some exception level may write, and the same or another one may execute. */
export function isWritableAndExecutable(attrs: MemoryAttributes): boolean {
  const { el1, el0 } = permissionsOf(attrs);
  return (el1.write || el0.write) && (el1.execute || el0.execute);
}

type Sizes = [number, number, number, number];

interface OpenRange {
  vaStart: number;
  paStart: number;
  bytes: number;
  attrs: MemoryAttributes;
  counts: Sizes;
}

/** Reads the tree below `root`. O(tables), 512 reads each. */
export function tableRanges(memory: TableMemory, root: PhysAddr, half: Half): TableReport {
  const tables: Sizes = [0, 0, 0, 0];
  const leaves: Sizes = [0, 0, 0, 0];
  const open: OpenRange[] = [];

  const addLeaf = (offset: number, pa: number, level: Level, attrs: MemoryAttributes): void => {
    leaves[level]++;
    let range = open.at(-1);
    if (
      range === undefined ||
      range.vaStart + range.bytes !== offset ||
      range.paStart + range.bytes !== pa ||
      range.attrs !== attrs
    ) {
      range = { vaStart: offset, paStart: pa, bytes: 0, attrs, counts: [0, 0, 0, 0] };
      open.push(range);
    }
    range.bytes += LEVEL_SPAN[level];
    range.counts[level]++;
  };

  const visit = (table: PhysAddr, level: Level, start: number, parents: readonly bigint[]): void => {
    tables[level]++;
    for (const [index, descriptor] of memory.readTable(table).entries()) {
      const offset = start + index * LEVEL_SPAN[level];
      const kind = kindOf(descriptor, level);
      if (kind === 'table') visit(tableAddress(descriptor), (level + 1) as Level, offset, [...parents, descriptor]);
      else if (kind === 'leaf') {
        addLeaf(
          offset,
          leafAddress(descriptor, level),
          level,
          parents.reduce(restrictByTable, attributesOf(descriptor)),
        );
      }
    }
  };
  visit(root, 0, 0, []);

  const ranges = open.map(({ vaStart, paStart, bytes, attrs, counts }) => ({
    vaStart: addressAt(half, vaStart),
    vaEnd: addressAt(half, vaStart) + BigInt(bytes),
    paStart: physAddr(paStart),
    bytes,
    attrs,
    counts: toCounts(counts),
  }));
  return {
    ranges,
    writableAndExecutable: ranges.filter((range) => isWritableAndExecutable(range.attrs)),
    tables,
    leaves: toCounts(leaves),
  };
}

function toCounts(sizes: Sizes): MapCounts {
  return { blocks1GiB: sizes[1], blocks2MiB: sizes[2], pages4KiB: sizes[3] };
}
