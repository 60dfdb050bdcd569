// SPDX-License-Identifier: GPL-2.0-only
/**
 * Maps an empty range: first a plan, which only reads, then writes, which cannot fail.
 *
 * ```
 *  va    |----|========================|=====|--|      |  1 GiB blocks where both addresses are multiples and
 *        4 KiB  2 MiB    1 GiB    1 GiB  2 MiB 4 KiB      the range covers the whole entry, else 2 MiB, else 4 KiB
 * ``` The choice is made entry by entry from the top. A larger entry replaces exactly 512 of the
 * next size, so the number of entries is minimal.
 */

import { type PhysAddr, hex } from '#common/address.ts';
import { describe, kindOf, LEVEL_SPAN, leafDescriptor, tableAddress, tableDescriptor } from './descriptor.ts';
import type { Level, MemoryAttributes } from './descriptor.ts';
import type { EntryWriter } from './entry-writer.ts';
import { MapError } from './map-error.ts';
import type { TableMemory } from './table-memory.ts';
import type { Range } from '#common/range.ts';
import { type EntrySlice, type Half, addressAt, entriesIn } from './virtual-range.ts';

/** Entries written, by size. */
export interface MapCounts {
  readonly blocks1GiB: number;
  readonly blocks2MiB: number;
  readonly pages4KiB: number;
}

/** Range to map. */
export interface MapRequest {
  readonly half: Half;
  /** Root table. */
  readonly root: PhysAddr;
  readonly range: Range;
  /** Output address of `range.start`. */
  readonly pa: number;
  readonly attrs: MemoryAttributes;
  /** Smallest level allowed for a leaf: 1 for any size, 3 for pages only. */
  readonly minLevel: 1 | 2 | 3;
}

/**
 * Descends below a table descriptor.
 * @throws MapError WalkFailed when it leads beyond the output address size
 */
export function nextTable(
  descriptor: bigint,
  level: Level,
  half: Half,
  entryStart: number,
  outputLimit: number,
): PhysAddr {
  const table = tableAddress(descriptor);
  if (table >= outputLimit) {
    throw new MapError(
      'WalkFailed',
      addressAt(half, entryStart),
      `level ${level} entry leads to a table at ${hex(table)}`,
    );
  }
  return table;
}

/**
 * Number of tables that the request needs. O(entries touched).
 * @throws MapError AlreadyMapped at the first entry that is in use, WalkFailed when a table points
 * outside
 */
export function planMap(memory: TableMemory, request: MapRequest, outputLimit: number): number {
  const visit = (table: PhysAddr | null, level: Level, range: Range): number => {
    let needed = 0;
    for (const slice of entriesIn(range, level)) {
      const descriptor = table === null ? 0n : memory.readEntry(table, slice.index);
      const kind = kindOf(descriptor, level);
      if (kind === 'leaf') {
        throw new MapError('AlreadyMapped', addressAt(request.half, slice.start), describe(descriptor, level));
      }
      if (kind === 'table') {
        const next = nextTable(descriptor, level, request.half, slice.entryStart, outputLimit);
        needed += visit(next, (level + 1) as Level, slice);
      } else if (leafLevel(request, slice, level) === null) {
        needed += 1 + visit(null, (level + 1) as Level, slice);
      }
    }
    return needed;
  };
  return visit(request.root, 0, request.range);
}

/** Executes a plan of {@link planMap}, with tables from the end of `spare`. No barriers. */
export function applyMap(memory: TableMemory, writer: EntryWriter, request: MapRequest, spare: PhysAddr[]): MapCounts {
  const counts: [number, number, number, number] = [0, 0, 0, 0];
  const visit = (table: PhysAddr, level: Level, range: Range): void => {
    for (const slice of entriesIn(range, level)) {
      const leaf = leafLevel(request, slice, level);
      const descriptor = memory.readEntry(table, slice.index);
      if (kindOf(descriptor, level) === 'table') {
        visit(tableAddress(descriptor), (level + 1) as Level, slice);
      } else if (leaf !== null) {
        writer.make(table, slice.index, leafDescriptor(outputOf(request, slice.start), leaf, request.attrs));
        counts[leaf]++;
      } else {
        const next = spare.pop() as PhysAddr;
        writer.make(table, slice.index, tableDescriptor(next));
        visit(next, (level + 1) as Level, slice);
      }
    }
  };
  visit(request.root, 0, request.range);
  return { blocks1GiB: counts[1], blocks2MiB: counts[2], pages4KiB: counts[3] };
}

function outputOf(request: MapRequest, offset: number): number {
  return request.pa + (offset - request.range.start);
}

/** `level` when this entry can be a leaf of the request; else null. */
function leafLevel(request: MapRequest, slice: EntrySlice, level: Level): 1 | 2 | 3 | null {
  if (level === 0 || level < request.minLevel || !slice.whole) return null;
  return outputOf(request, slice.start) % LEVEL_SPAN[level] === 0 ? level : null;
}
