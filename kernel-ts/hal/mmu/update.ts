// SPDX-License-Identifier: GPL-2.0-only
/**
 * Changes of mappings: protect, unmap and refine are one operation, "replace every leaf of a
 * range".
 *
 * A block that extends beyond the range is split first; the rest of it keeps its output addresses
 * and attributes. Tables that become empty are unlinked. As in map.ts a plan reads and counts, and
 * the writes after it cannot fail.
 *
 * ```
 *  before   |<----------------- 2 MiB block ----------------->|
 *  range                      |range|
 *  after    |p|p|p|p|p|p|p|p|p| new |p|p|p|p|p|p|p|p|p|p|p|p|p|     new table, entry replaced by break-before-make
 * ```
 * Specification: Arm ARM DDI 0487 K.a, D8, "Using break-before-make when updating translation table
 * entries".
 */

import { type PhysAddr, type VirtAddr, physAddr } from '#common/address.ts';
import {
  attributesOf,
  ENTRIES_PER_TABLE,
  kindOf,
  LEVEL_SPAN,
  leafAddress,
  leafDescriptor,
  tableAddress,
  tableDescriptor,
  VALID,
} from './descriptor.ts';
import type { Level } from './descriptor.ts';
import { type EntryWriter, isPermissionChange } from './entry-writer.ts';
import { nextTable } from './map.ts';
import { MapError } from './map-error.ts';
import type { MappingTrace } from './mapping-trace.ts';
import type { TableMemory } from './table-memory.ts';
import type { Range } from '#common/range.ts';
import { type EntrySlice, type Half, addressAt, entriesIn } from './virtual-range.ts';

/**
 * New descriptor of a leaf; 0 unmaps it. Also called before a split: the result must not depend on
 * the size.
 */
export type LeafChange = (descriptor: bigint, level: 1 | 2 | 3) => bigint;

/** Change to make. */
export interface UpdateRequest {
  readonly half: Half;
  /** Root table. */
  readonly root: PhysAddr;
  readonly range: Range;
  readonly change: LeafChange;
  /** Receives every changed leaf and every split. */
  readonly trace: MappingTrace | null;
}

/** Result of {@link planUpdate}. */
export interface UpdatePlan {
  /** Number of tables needed for splits. */
  readonly splits: number;
  /** The range, extended to the ends of the blocks that it cuts. */
  readonly touched: Range;
  /** Tables that hold entries of the range. */
  readonly tables: readonly PhysAddr[];
  /** True when an entry needs break-before-make. */
  readonly breaks: boolean;
}

/**
 * @throws MapError NotMapped at the first hole, WalkFailed when a table points outside. O(entries
 * touched)
 */
export function planUpdate(memory: TableMemory, request: UpdateRequest, outputLimit: number): UpdatePlan {
  let splits = 0;
  let breaks = false;
  let { start: lowest, end: highest } = request.range;
  const tables: PhysAddr[] = [];

  const visit = (table: PhysAddr, level: Level, range: Range): void => {
    tables.push(table);
    for (const slice of entriesIn(range, level)) {
      const descriptor = memory.readEntry(table, slice.index);
      const kind = kindOf(descriptor, level);
      if (kind === 'invalid') {
        throw new MapError('NotMapped', addressAt(request.half, slice.start), `invalid entry at level ${level}`);
      }
      if (kind === 'table') {
        visit(nextTable(descriptor, level, request.half, slice.entryStart, outputLimit), (level + 1) as Level, slice);
        continue;
      }
      const after = request.change(descriptor, level as 1 | 2 | 3);
      if (after === descriptor) continue;
      if (slice.whole && (after === 0n || isPermissionChange(descriptor, after))) continue;
      breaks = true;
      lowest = Math.min(lowest, slice.entryStart);
      highest = Math.max(highest, slice.entryStart + LEVEL_SPAN[level]);
      if (!slice.whole) splits += splitsFor(slice, level);
    }
  };
  visit(request.root, 0, request.range);
  return { splits, touched: { start: lowest, end: highest }, tables, breaks };
}

/** Tables needed to split a leaf of `level` at both ends of the range. */
function splitsFor(range: Range, level: Level): number {
  let count = 1;
  if (level === 1) {
    for (const slice of entriesIn(range, 2)) if (!slice.whole) count++;
  }
  return count;
}

/** Address through which {@link applyUpdate} writes an entry while it is broken. */
export type MakeAddress = (table: PhysAddr, index: number, broken: Range) => VirtAddr;

/**
 * Executes a plan of {@link planUpdate}, with tables from the end of `spare`. Returns the tables
 * that are no longer linked; the caller must call `writer.finish` before it frees them.
 */
export function applyUpdate(
  memory: TableMemory,
  writer: EntryWriter,
  request: UpdateRequest,
  spare: PhysAddr[],
  makeAddress: MakeAddress,
): PhysAddr[] {
  const unlinked: PhysAddr[] = [];

  const replace = (table: PhysAddr, slice: EntrySlice, level: Level, descriptor: bigint): void => {
    const va = addressAt(request.half, slice.entryStart);
    const broken = { start: slice.entryStart, end: slice.entryStart + LEVEL_SPAN[level] };
    writer.replace(table, slice.index, descriptor, va, makeAddress(table, slice.index, broken));
  };

  const updateLeaf = (table: PhysAddr, slice: EntrySlice, level: 1 | 2 | 3, descriptor: bigint): void => {
    const after = request.change(descriptor, level);
    if (after === descriptor) return;
    const va = addressAt(request.half, slice.start);
    if (!slice.whole) {
      const next = spare.pop() as PhysAddr;
      memory.writeTable(next, splitEntries(descriptor, level as 1 | 2));
      writer.beforeLinking();
      replace(table, slice, level, tableDescriptor(next));
      const block = leafAddress(descriptor, level);
      request.trace?.split(
        addressAt(request.half, slice.entryStart),
        block,
        LEVEL_SPAN[level],
        attributesOf(descriptor),
      );
      visit(next, (level + 1) as Level, slice);
      return;
    }
    if (after === 0n) {
      writer.clear(table, slice.index, va);
      request.trace?.unmapped(va, leafAddress(descriptor, level), LEVEL_SPAN[level]);
      return;
    }
    if (isPermissionChange(descriptor, after)) {
      writer.setPermissions(table, slice.index, after, va);
    } else {
      replace(table, slice, level, after);
    }
    request.trace?.mapped(va, leafAddress(after, level), LEVEL_SPAN[level], attributesOf(after));
  };

  const visit = (table: PhysAddr, level: Level, range: Range): void => {
    for (const slice of entriesIn(range, level)) {
      const descriptor = memory.readEntry(table, slice.index);
      if (kindOf(descriptor, level) === 'leaf') {
        updateLeaf(table, slice, level as 1 | 2 | 3, descriptor);
        continue;
      }
      const next = tableAddress(descriptor);
      visit(next, (level + 1) as Level, slice);
      if (isEmpty(memory, next, slice, (level + 1) as Level)) {
        writer.unlink(table, slice.index);
        unlinked.push(next);
      }
    }
  };
  visit(request.root, 0, request.range);
  return unlinked;
}

/** The 512 entries of the next level that are equivalent to one block. */
function splitEntries(block: bigint, level: 1 | 2): BigUint64Array {
  const child = (level + 1) as 2 | 3;
  const first = leafAddress(block, level);
  const attrs = attributesOf(block);
  return BigUint64Array.from({ length: ENTRIES_PER_TABLE }, (_, index) =>
    leafDescriptor(physAddr(first + index * LEVEL_SPAN[child]), child, attrs),
  );
}

/**
 * True for a table without valid entries. Entries next to `range` are checked first, as the
 * likeliest valid ones.
 */
function isEmpty(memory: TableMemory, table: PhysAddr, range: Range, level: Level): boolean {
  const span = LEVEL_SPAN[level];
  const first = Math.floor(range.start / span);
  const count = Math.ceil(range.end / span) - first;
  const isInvalid = (index: number) => (memory.readEntry(table, index % ENTRIES_PER_TABLE) & VALID) === 0n;
  if (!isInvalid(first) || !isInvalid(first + count - 1 + ENTRIES_PER_TABLE)) return false;
  if (!isInvalid(first + count) || !isInvalid(first - 1 + ENTRIES_PER_TABLE)) return false;
  return memory.readTable(table).every((descriptor) => (descriptor & VALID) === 0n);
}
