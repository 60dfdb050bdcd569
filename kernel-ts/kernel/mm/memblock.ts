// SPDX-License-Identifier: GPL-2.0-only
/**
 * memblock: RAM and its reservations, from the first read of the device tree until the buddy
 * allocator takes over. It never frees memory, and it has no lock, because only one core runs.
 *
 * Inputs may overlap in any way and come in any order. Outputs are sorted, disjoint and maximal:
 *
 * ```
 * memory    |=========|====|        |==============|        as in the tree, merged byte by byte
 * banks     |==============|        |==============|        whole pages: ends trimmed inward
 * reserved     |--A--|                   |-B--|              each entry keeps its owner; whole pages: ends move outward
 *                 |--C--|
 * free      |==|        |==|        |====|    |====|        banks minus reserved
 * ```
 *
 * Invariants: memory entries are sorted, disjoint and do not touch; reserved entries are sorted by
 * base and page-aligned, and may overlap (a page counts for the first entry that covers it);
 * everything lies below DIRECT_MAP_BYTES.
 *
 * State in emulated RAM: two region tables of 128 entries in .bss, moved into RAM by ensureCapacity
 * before they would overflow, and one u64 counter. Devicetree Specification v0.4, 3.4 (/memory),
 * 3.5 (/reserved-memory), 5.3 (memory reservation block).
 */

import {
  alignDown,
  alignUp,
  hex,
  PAGE_SIZE,
  type PhysAddr,
  physAddr,
  type VirtAddr,
  virtAddr,
} from '#common/address.ts';
import { bisect, lengthOf, type Range, totalLength } from '#common/range.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { allRamReserved, KernelPanic, noRamRegions } from '#kernel-ts/kernel/panic.ts';
import type { BssArena } from './bss.ts';
import { DIRECT_MAP_BYTES, physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { firstFit, firstFitUnsorted, type HoleVerdict, placeInHole, type PlaceConstraints } from './memblock-holes.ts';
import type {
  AllocOptions,
  CapacityPlan,
  DynamicRequest,
  MemblockTotals,
  Range64,
  Reservation,
  ReservedRange,
} from './memblock-types.ts';
import { type Owner, OwnerKind } from './owner.ts';
import { ENTRY_BYTES, RegionFlag, RegionTable, TABLE_BYTES } from './region-table.ts';

/** Entries that fit without growing, in each table. */
export const STATIC_REGIONS = 128;

/** Entries that the kernel adds: memblock, mem_map, zones, allocations of boot code. */
const OWN_RESERVATIONS = 64;

const NO_OWNER: Owner = { kind: OwnerKind.OTHER, cookie: 0n };

/** The boot-time memory map. */
export class Memblock {
  private readonly memory: MemoryPort;
  private readonly ram: RegionTable;
  private readonly reserved: RegionTable;
  private readonly clippedCounter: VirtAddr;

  /** Allocates about 8 KiB of `bss` for the static tables. */
  constructor(memory: MemoryPort, bss: BssArena) {
    this.memory = memory;
    const headers = bss.reserve('memblock', 2 * TABLE_BYTES + 8, 8);
    this.ram = new RegionTable(memory, headers, 'memory');
    this.reserved = new RegionTable(memory, virtAddr(headers + BigInt(TABLE_BYTES)), 'reserved');
    this.clippedCounter = virtAddr(headers + BigInt(2 * TABLE_BYTES));
    const tableBytes = STATIC_REGIONS * ENTRY_BYTES;
    this.ram.adopt(bss.reserve('memblock.memory', tableBytes, 8), STATIC_REGIONS);
    this.reserved.adopt(bss.reserve('memblock.reserved', tableBytes, 8), STATIC_REGIONS);
  }

  /**
   * Makes room for everything in `plan` before it is added. If the static tables are too small,
   * they move to RAM: to a place that is memory and clear of every reservation in `plan`, which is
   * then reserved itself.
   * @throws KernelPanic when no place is large enough, with the panics of memory discovery when
   * there is no RAM, or none is free
   */
  ensureCapacity(plan: CapacityPlan): void {
    const memory = [...plan.memory, ...this.banks()].map(clip);
    const reserved = [...plan.reserved].map(clip);
    const ramCapacity = this.ram.count + memory.length;
    const reservedCapacity = this.reserved.count + reserved.length + OWN_RESERVATIONS;
    if (ramCapacity <= this.ram.capacity && reservedCapacity <= this.reserved.capacity) return;
    const whole = { from: 0, limit: DIRECT_MAP_BYTES, align: PAGE_SIZE };
    const size = alignUp((ramCapacity + reservedCapacity) * ENTRY_BYTES, PAGE_SIZE);
    const within = plan.within ?? { start: 0, end: DIRECT_MAP_BYTES };
    const taken = [...reserved, ...this.reservedRanges()];
    const constraints = { size, align: PAGE_SIZE, from: within.start, limit: within.end };
    const place = firstFitUnsorted(memory, taken, constraints);
    if (place === null) {
      const numbers = `${memory.length} memory regions and ${taken.length} reserved ranges found`;
      if (firstFitUnsorted(memory, [], { ...whole, size: PAGE_SIZE }) === null) {
        throw noRamRegions(`${numbers}, no whole page of RAM below 2^47`);
      }
      if (firstFitUnsorted(memory, taken, { ...whole, size: PAGE_SIZE }) === null) {
        throw allRamReserved(numbers);
      }
      throw new KernelPanic(
        'Cannot grow the memblock tables — insufficient contiguous memory',
        `${numbers}, ${size} bytes needed between ${hex(within.start)} and ${hex(within.end)}`,
      );
    }
    const va = physToVirt(physAddr(place));
    this.ram.adopt(va, ramCapacity);
    this.reserved.adopt(virtAddr(va + BigInt(ramCapacity * ENTRY_BYTES)), reservedCapacity);
    this.reserve(place, size, { owner: { kind: OwnerKind.MEMBLOCK, cookie: 0n } });
  }

  /**
   * Adds RAM. Overlapping and touching regions merge. RAM at or above 2^47 is dropped and counted.
   * @returns bytes dropped. @throws KernelPanic when the table is full (see ensureCapacity)
   */
  add(base: bigint | number, size: bigint | number): bigint {
    const { start, end, clipped } = this.accept(base, size);
    if (start < end) {
      // Searched backwards: device trees list memory in ascending order.
      let to = this.ram.count;
      while (to > 0 && this.ram.base(to - 1) > end) to--;
      let from = to;
      while (from > 0 && this.ram.end(from - 1) >= start) from--;
      if (from === to) {
        this.ram.insert(from, { base: start, size: end - start, flags: 0, owner: NO_OWNER });
      } else {
        const base = Math.min(start, this.ram.base(from));
        const size = Math.max(end, this.ram.end(to - 1)) - base;
        this.ram.set(from, { base, size, flags: 0, owner: NO_OWNER });
        this.ram.remove(from + 1, to);
      }
    }
    return clipped;
  }

  /**
   * Reserves all pages that [base, base + size) touches, whether RAM or not. Ranges may overlap;
   * each keeps its owner. A size of 0 reserves nothing.
   * @returns bytes dropped because they lie at or above 2^47. @throws KernelPanic when the table is
   * full (see ensureCapacity)
   */
  reserve(base: bigint | number, size: bigint | number, { owner, noMap = false }: Reservation): bigint {
    const range = this.accept(base, size);
    if (range.start < range.end) {
      const start = alignDown(range.start, PAGE_SIZE);
      const end = alignUp(range.end, PAGE_SIZE);
      let index = this.reserved.count;
      while (index > 0 && this.reserved.base(index - 1) > start) index--;
      this.reserved.insert(index, { base: start, size: end - start, flags: noMap ? RegionFlag.NOMAP : 0, owner });
    }
    return range.clipped;
  }

  /** Banks of RAM: whole pages, ascending, disjoint, not adjacent. */
  *banks(): Generator<Range> {
    for (let index = 0; index < this.ram.count; index++) {
      const start = alignUp(this.ram.base(index), PAGE_SIZE);
      const end = alignDown(this.ram.end(index), PAGE_SIZE);
      if (start < end) yield { start, end };
    }
  }

  /** All reservations with their owners, ascending by base. O(reservations * log banks). */
  *reservedRanges(): Generator<ReservedRange> {
    let covered = 0;
    for (let index = 0; index < this.reserved.count; index++) {
      const { base: start, size, flags, owner } = this.reserved.get(index);
      const end = start + size;
      yield {
        start,
        end,
        noMap: (flags & RegionFlag.NOMAP) !== 0,
        owner,
        ramBytes: this.ramWithin(start, end),
        countedBytes: this.ramWithin(Math.max(start, covered), end),
      };
      covered = Math.max(covered, end);
    }
  }

  /**
   * Free RAM: page-aligned, ascending, disjoint, maximal ranges. Do not reserve while iterating.
   */
  freeRanges(): Generator<Range> {
    return this.banksWithout(0);
  }

  /** RAM minus no-map reservations, in the form of {@link freeRanges}. */
  mappableRanges(): Generator<Range> {
    return this.banksWithout(RegionFlag.NOMAP);
  }

  /**
   * Reserves `size` bytes (rounded up to pages) at the lowest free address that is a multiple of
   * `align` (a power of two; at least a page is taken) and lies in [from, limit). O(banks +
   * reservations).
   * @returns the address, `null` when no hole fits. @throws KernelPanic when size or align is
   * invalid
   */
  alloc(size: number, align: number, options: AllocOptions): PhysAddr | null {
    const constraints = placeConstraints(size, align, options);
    const at = firstFit(this.freeRanges(), constraints);
    if (at === null) return null;
    this.reserve(at, constraints.size, { owner: options.owner, noMap: options.noMap ?? false });
    return physAddr(at);
  }

  /** Verdict of {@link alloc} on each free range; it takes the first accepted one. */
  explainHoles(size: number, align: number, options: { from?: number; limit?: number } = {}): HoleVerdict[] {
    const constraints = placeConstraints(size, align, options);
    return [...this.freeRanges()].map((hole) => placeInHole(hole, constraints));
  }

  /**
   * Places a dynamic /reserved-memory region: first fit in each of its ranges, in their order
   * (Devicetree Specification v0.4, 3.5.4).
   * @returns the address, `null` when nothing fits, when the size is 0, or when the alignment is
   * not a power of two
   */
  placeDynamic(request: DynamicRequest): PhysAddr | null {
    const size = BigInt(request.size);
    const align = BigInt(request.alignment ?? PAGE_SIZE) || BigInt(PAGE_SIZE);
    if (
      size === 0n ||
      size > BigInt(DIRECT_MAP_BYTES) ||
      align > BigInt(DIRECT_MAP_BYTES) ||
      (align & (align - 1n)) !== 0n
    ) {
      return null;
    }
    const ranges = request.allocRanges ?? [];
    for (const range of ranges.length > 0 ? ranges : [{ start: 0, end: DIRECT_MAP_BYTES }]) {
      const { start, end } = clip(range);
      const place = this.alloc(Number(size), Number(align), {
        owner: request.owner,
        noMap: request.noMap ?? false,
        from: start,
        limit: end,
      });
      if (place !== null) return place;
    }
    return null;
  }

  /** Sums over all banks and reservations. O(banks + reservations). */
  totals(): MemblockTotals {
    let raw = 0;
    for (let index = 0; index < this.ram.count; index++) raw += this.ram.end(index) - this.ram.base(index);
    const ram = totalLength([...this.banks()]);
    let free = 0;
    let largestHole = 0;
    for (const hole of this.freeRanges()) {
      free += lengthOf(hole);
      largestHole = Math.max(largestHole, lengthOf(hole));
    }
    return {
      ram,
      reserved: ram - free,
      free,
      clipped: this.memory.read64(this.clippedCounter),
      trimmed: raw - ram,
      memoryRegions: this.ram.count,
      reservedRegions: this.reserved.count,
      largestHole,
    };
  }

  /** Banks minus the reservations that have all of `flags`. */
  private *banksWithout(flags: number): Generator<Range> {
    let next = 0;
    let covered = 0;
    for (const { start, end } of this.banks()) {
      let cursor = Math.max(start, covered);
      while (cursor < end) {
        if (next < this.reserved.count && this.reserved.base(next) <= cursor) {
          const region = this.reserved.get(next++);
          if ((region.flags & flags) === flags) {
            covered = Math.max(covered, region.base + region.size);
            cursor = Math.max(cursor, covered);
          }
          continue;
        }
        // Entries without the wanted flags must not end a range, or it would not be maximal.
        let stop = next;
        while (stop < this.reserved.count && this.reserved.base(stop) < end && !this.hasFlags(stop, flags)) {
          stop++;
        }
        const until = stop < this.reserved.count ? Math.min(this.reserved.base(stop), end) : end;
        yield { start: cursor, end: until };
        cursor = until;
      }
    }
  }

  private hasFlags(index: number, flags: number): boolean {
    return (this.reserved.get(index).flags & flags) === flags;
  }

  /** Bytes of RAM in [from, to). O(log banks + banks in it). */
  private ramWithin(from: number, to: number): number {
    const { count } = this.ram;
    let bytes = 0;
    for (
      let index = bisect(count, (i) => this.ram.end(i) <= from);
      index < count && this.ram.base(index) < to;
      index++
    ) {
      const start = Math.max(from, alignUp(this.ram.base(index), PAGE_SIZE));
      const end = Math.min(to, alignDown(this.ram.end(index), PAGE_SIZE));
      bytes += Math.max(0, end - start);
    }
    return bytes;
  }

  private accept(base: bigint | number, size: bigint | number): Range & { clipped: bigint } {
    const range = clip({ start: base, end: BigInt(base) + BigInt(size) });
    const clipped = BigInt(size) - BigInt(lengthOf(range));
    if (clipped > 0n) {
      this.memory.write64(this.clippedCounter, this.memory.read64(this.clippedCounter) + clipped);
    }
    return { ...range, clipped };
  }
}

/** Part of a range below 2^47. A range that wraps around 2^64 is cut at 2^64. */
function clip({ start, end }: Range64): Range {
  const clipped = (address: bigint | number) => (address < DIRECT_MAP_BYTES ? Number(address) : DIRECT_MAP_BYTES);
  return { start: clipped(start), end: clipped(end) };
}

function placeConstraints(
  size: number,
  align: number,
  { from = 0, limit = DIRECT_MAP_BYTES }: { from?: number; limit?: number },
): PlaceConstraints {
  if (!(Number.isInteger(size) && size > 0 && Number.isInteger(Math.log2(align)) && align >= 1)) {
    throw new KernelPanic('memblock was asked for a place that cannot exist', `size ${size}, alignment ${align}`);
  }
  return { size: alignUp(size, PAGE_SIZE), align: Math.max(align, PAGE_SIZE), from, limit };
}
