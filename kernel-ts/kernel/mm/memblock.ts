/**
 * memblock: what RAM there is and who has taken some of it, from the first read of the device tree
 * until the buddy allocator takes over. Not an allocator for later: nothing is given back, and
 * there is no lock because one core runs.
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

import { alignDown, alignUp, PAGE_SIZE, type PhysAddr, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import type { BssArena } from './bss.ts';
import { DIRECT_MAP_BYTES, physToVirt } from './direct-map.ts';
import {
  firstFit,
  firstFitUnsorted,
  type HoleVerdict,
  judgeHole,
  type PlaceWish,
  type Range,
} from './memblock-holes.ts';
import type {
  AllocOptions,
  CapacityPlan,
  DynamicRequest,
  MemblockTotals,
  Range64,
  Reservation,
  ReservedRange,
} from './memblock-types.ts';
import { allRamReserved, noRamRegions } from './memory-panics.ts';
import { type Owner, OwnerKind } from './owner.ts';
import { ENTRY_BYTES, RegionFlag, RegionTable, TABLE_BYTES } from './region-table.ts';

export type { Range64 } from './memblock-types.ts';

/** Entries that fit without growing, in each table. */
export const STATIC_REGIONS = 128;

/**
 * Entries that the kernel itself adds after the device tree's: memblock, mem_map, zones and what
 * boot code places.
 */
const OWN_RESERVATIONS = 64;

const NO_OWNER: Owner = { kind: OwnerKind.OTHER, cookie: 0n };

/** The boot-time memory map. */
export class Memblock {
  private readonly memory: MemoryPort;
  private readonly ram: RegionTable;
  private readonly reserved: RegionTable;
  private readonly clippedCounter: VirtAddr;

  /**
   * Reserves its static tables in `bss` (about 8 KiB). Two handles on one machine need two arenas.
   */
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
   * Makes room for everything in `plan` before it is added, in RAM if the static tables are too
   * small: the tables' size is asked, a place that is memory and clear of every reservation in
   * `plan` is found, and the tables move there and are themselves reserved.
   * @throws KernelPanic when no place is large enough, with the panics of memory discovery when
   * there is no RAM or none is free
   */
  ensureCapacity(plan: CapacityPlan): void {
    const memory = [...plan.memory, ...this.banks()].map(clip);
    const reserved = [...plan.reserved].map(clip);
    const ramCapacity = this.ram.count + memory.length;
    const reservedCapacity = this.reserved.count + reserved.length + OWN_RESERVATIONS;
    if (ramCapacity <= this.ram.capacity && reservedCapacity <= this.reserved.capacity) {
      return;
    }
    const whole = { from: 0, limit: DIRECT_MAP_BYTES, align: PAGE_SIZE };
    const size = alignUp((ramCapacity + reservedCapacity) * ENTRY_BYTES, PAGE_SIZE);
    const within = plan.within ?? { base: 0, size: DIRECT_MAP_BYTES };
    const taken = [...reserved, ...this.reservedRanges()];
    const place = firstFitUnsorted(memory, taken, {
      size,
      align: PAGE_SIZE,
      from: within.base,
      limit: within.base + within.size,
    });
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
        `${numbers}, ${size} bytes needed between 0x${within.base.toString(16)} and 0x${(within.base + within.size).toString(16)}`,
      );
    }
    const va = physToVirt(physAddr(place));
    this.ram.adopt(va, ramCapacity);
    this.reserved.adopt(virtAddr(va + BigInt(ramCapacity * ENTRY_BYTES)), reservedCapacity);
    this.reserve(place, size, { owner: { kind: OwnerKind.MEMBLOCK, cookie: 0n } });
  }

  /**
   * Adds RAM. Overlapping and touching regions merge. What lies at or above 2^47 is dropped and
   * counted.
   * @returns bytes dropped. @throws KernelPanic when the table is full (see ensureCapacity)
   */
  addMemory(base: bigint | number, size: bigint | number): bigint {
    const range = this.accept(base, size);
    if (range.size > 0) {
      let start = range.base;
      let end = range.base + range.size;
      // Backwards, because device trees name memory in ascending order: the usual case looks at one
      // entry.
      let to = this.ram.count;
      while (to > 0 && this.ram.base(to - 1) > end) {
        to--;
      }
      let from = to;
      while (from > 0 && this.ram.end(from - 1) >= start) {
        from--;
      }
      if (from === to) {
        this.ram.insert(from, { ...range, flags: 0, owner: NO_OWNER });
      } else {
        start = Math.min(start, this.ram.base(from));
        end = Math.max(end, this.ram.end(to - 1));
        this.ram.set(from, { base: start, size: end - start, flags: 0, owner: NO_OWNER });
        this.ram.remove(from + 1, to);
      }
    }
    return range.clipped;
  }

  /**
   * Reserves the pages that [base, base + size) touches, RAM or not. Ranges may overlap; each keeps
   * its owner. A size of 0 reserves nothing.
   * @returns bytes dropped because they lie at or above 2^47. @throws KernelPanic when the table is
   * full (see ensureCapacity)
   */
  reserve(base: bigint | number, size: bigint | number, { owner, noMap = false }: Reservation): bigint {
    const range = this.accept(base, size);
    if (range.size > 0) {
      const start = alignDown(range.base, PAGE_SIZE);
      const end = alignUp(range.base + range.size, PAGE_SIZE);
      let index = this.reserved.count;
      while (index > 0 && this.reserved.base(index - 1) > start) {
        index--;
      }
      this.reserved.insert(index, { base: start, size: end - start, flags: noMap ? RegionFlag.NOMAP : 0, owner });
    }
    return range.clipped;
  }

  /** Banks of RAM: whole pages, ascending, disjoint, never touching. */
  *banks(): Generator<Range> {
    for (let index = 0; index < this.ram.count; index++) {
      const base = alignUp(this.ram.base(index), PAGE_SIZE);
      const end = alignDown(this.ram.end(index), PAGE_SIZE);
      if (base < end) {
        yield { base, size: end - base };
      }
    }
  }

  /** Every reservation with its owner, ascending by base. O(reservations * log banks). */
  *reservedRanges(): Generator<ReservedRange> {
    let covered = 0;
    for (let index = 0; index < this.reserved.count; index++) {
      const { base, size, flags, owner } = this.reserved.get(index);
      const end = base + size;
      yield {
        base,
        size,
        noMap: (flags & RegionFlag.NOMAP) !== 0,
        owner,
        ramBytes: this.ramWithin(base, end),
        countedBytes: this.ramWithin(Math.max(base, covered), end),
      };
      covered = Math.max(covered, end);
    }
  }

  /**
   * RAM that nobody reserved: page-aligned, ascending, disjoint, maximal. Do not reserve while
   * iterating. O(banks + reservations).
   */
  freeRanges(): Generator<Range> {
    return this.banksWithout(0);
  }

  /**
   * RAM that may be mapped, reserved or not: banks minus no-map reservations. Same form as
   * {@link freeRanges}.
   */
  mappableRanges(): Generator<Range> {
    return this.banksWithout(RegionFlag.NOMAP);
  }

  /**
   * Reserves `size` bytes (rounded up to pages) at the lowest free address that is a multiple of
   * `align` (a power of two; at least a page is taken) and lies in [from, limit). O(banks +
   * reservations).
   * @returns the address, `null` when no hole fits. @throws KernelPanic when size or align makes no
   * sense
   */
  alloc(size: number, align: number, options: AllocOptions): PhysAddr | null {
    const wish = placeWish(size, align, options);
    const at = firstFit(this.freeRanges(), wish);
    if (at === null) {
      return null;
    }
    this.reserve(at, wish.size, { owner: options.owner, noMap: options.noMap ?? false });
    return physAddr(at);
  }

  /**
   * What {@link alloc} would think of each free range, ascending. The first accepted one is where
   * it would go.
   */
  explainHoles(size: number, align: number, options: { from?: number; limit?: number } = {}): HoleVerdict[] {
    const wish = placeWish(size, align, options);
    return [...this.freeRanges()].map((hole) => judgeHole(hole, wish));
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
    for (const range of ranges.length > 0 ? ranges : [{ base: 0, size: DIRECT_MAP_BYTES }]) {
      const { base, size: room } = clip(range);
      const place = this.alloc(Number(size), Number(align), {
        owner: request.owner,
        noMap: request.noMap ?? false,
        from: base,
        limit: base + room,
      });
      if (place !== null) {
        return place;
      }
    }
    return null;
  }

  /** Sums over everything. O(banks + reservations). */
  totals(): MemblockTotals {
    let ram = 0;
    let raw = 0;
    let free = 0;
    let largestHole = 0;
    for (let index = 0; index < this.ram.count; index++) {
      raw += this.ram.end(index) - this.ram.base(index);
    }
    for (const bank of this.banks()) {
      ram += bank.size;
    }
    for (const hole of this.freeRanges()) {
      free += hole.size;
      largestHole = Math.max(largestHole, hole.size);
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
    for (const bank of this.banks()) {
      const end = bank.base + bank.size;
      let cursor = Math.max(bank.base, covered);
      while (cursor < end) {
        if (next < this.reserved.count && this.reserved.base(next) <= cursor) {
          const region = this.reserved.get(next++);
          if ((region.flags & flags) === flags) {
            covered = Math.max(covered, region.base + region.size);
            cursor = Math.max(cursor, covered);
          }
          continue;
        }
        // Entries without the wanted flags do not end a range, or it would not be maximal.
        let stop = next;
        while (stop < this.reserved.count && this.reserved.base(stop) < end && !this.hasFlags(stop, flags)) {
          stop++;
        }
        const until = stop < this.reserved.count ? Math.min(this.reserved.base(stop), end) : end;
        yield { base: cursor, size: until - cursor };
        cursor = until;
      }
    }
  }

  private hasFlags(index: number, flags: number): boolean {
    return (this.reserved.get(index).flags & flags) === flags;
  }

  /** Bytes of RAM in [from, to). O(log banks + banks in it). */
  private ramWithin(from: number, to: number): number {
    let low = 0;
    let high = this.ram.count;
    const count = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.ram.end(middle) <= from) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    let bytes = 0;
    for (; low < count && this.ram.base(low) < to; low++) {
      const base = Math.max(from, alignUp(this.ram.base(low), PAGE_SIZE));
      const end = Math.min(to, alignDown(this.ram.end(low), PAGE_SIZE));
      bytes += Math.max(0, end - base);
    }
    return bytes;
  }

  private accept(base: bigint | number, size: bigint | number): Range & { clipped: bigint } {
    const range = clip({ base, size });
    const clipped = BigInt(size) - BigInt(range.size);
    if (clipped > 0n) {
      this.memory.write64(this.clippedCounter, this.memory.read64(this.clippedCounter) + clipped);
    }
    return { ...range, clipped };
  }
}

/** The part of a range that lies below 2^47. A range that wraps around 2^64 ends there. */
function clip({ base, size }: Range64): Range {
  const limit = BigInt(DIRECT_MAP_BYTES);
  const start = BigInt(base) < limit ? BigInt(base) : limit;
  const end = BigInt(base) + BigInt(size) < limit ? BigInt(base) + BigInt(size) : limit;
  return { base: Number(start), size: Number(end - start) };
}

function placeWish(
  size: number,
  align: number,
  { from = 0, limit = DIRECT_MAP_BYTES }: { from?: number; limit?: number },
): PlaceWish {
  if (!(Number.isInteger(size) && size > 0 && Number.isInteger(Math.log2(align)) && align >= 1)) {
    throw new KernelPanic('memblock was asked for a place that cannot exist', `size ${size}, alignment ${align}`);
  }
  return { size: alignUp(size, PAGE_SIZE), align: Math.max(align, PAGE_SIZE), from, limit };
}
