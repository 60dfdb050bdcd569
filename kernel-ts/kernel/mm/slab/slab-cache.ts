// SPDX-License-Identifier: GPL-2.0-only
/**
 * Slab cache: objects of one size, in slabs from the buddy allocator. After Bonwick, "The Slab
 * Allocator: An Object-Caching Kernel Memory Allocator" (USENIX Summer 1994), without colouring and
 * constructors.
 *
 * Objects come from a partial slab if there is one, else from an empty one, else from a new one.
 * One empty slab is kept, so that a load around the limit of a slab does not call the buddy
 * allocator each time. Further empty slabs are freed at once, the last one by {@link
 * SlabCache.shrink}.
 *
 * Invariants (recounted by validate): a slab is on the list that its `in_use` requires; `in_use` is
 * the number of bits set in its bitmap; the cache's `in_use` is the sum over its slabs.
 */

import { hex, type PhysAddr, physAddr, type VirtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { DIRECT_MAP_BASE } from '#kernel-ts/kernel/direct-map.ts';
import type { FrameAccount } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import { Spinlock } from '#kernel-ts/kernel/mm/spinlock.ts';
import { PageWords } from './page-words.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { Slab } from './slab.ts';
import { CACHE_BYTES, CACHE_IN_USE, type SlabGeometry, SlabList } from './slab-layout.ts';
import { SlabLists } from './slab-lists.ts';

/** Reasons, printed after `PANIC: `. An interface for tools. */
export const BadSlabFree = {
  DOUBLE_FREE: 'Double free in a slab cache',
  FOREIGN: 'Slab free of an address that the cache does not own',
  NOT_AN_OBJECT: 'Slab free of an address that is no object',
  CORRUPT: 'Slab is corrupted',
} as const;

/** Panic for `reason` at `va` in the cache `name`. */
export function badSlabFree(
  reason: (typeof BadSlabFree)[keyof typeof BadSlabFree],
  name: string,
  va: VirtAddr,
  found: string,
): KernelPanic {
  return new KernelPanic(reason, `cache '${name}', address ${hex(va)}: ${found}`);
}

/** Width of an offset in the direct map. */
const DIRECT_MAP_BITS = 47;

/** Number of empty slabs that a cache keeps. */
const EMPTY_KEPT = 1;

/**
 * Accesses charged for an operation: lock, list head, bitmap, two counters, each read and written.
 */
const ACCESSES_PER_OPERATION = 10;
/** Accesses charged for creating or freeing a slab, or moving it between lists. */
const ACCESSES_PER_SLAB = 24;

/** Statistics of a cache. */
export interface SlabStatistics {
  readonly name: string;
  /** Object size as requested, and distance between objects, in bytes. */
  readonly objectBytes: number;
  readonly stride: number;
  readonly objectsInUse: number;
  /** Capacity of the present slabs in objects. */
  readonly objects: number;
  readonly objectsPerSlab: number;
  readonly slabsPartial: number;
  readonly slabsFull: number;
  readonly slabsEmpty: number;
  /** Bytes taken from the buddy allocator. */
  readonly bytes: number;
}

/** Parameters of a cache. */
export interface SlabCacheContext {
  readonly memory: MemoryPort;
  /** Address of its struct, initialised by slab-allocator.ts. */
  readonly va: VirtAddr;
  readonly name: string;
  readonly objectBytes: number;
  readonly geometry: SlabGeometry;
  /** Source of the slabs' frames. */
  readonly account: FrameAccount;
  /** Describes an address outside the cache, for the panic. */
  readonly describe: (va: VirtAddr) => string;
}

/** Objects of one size. */
export class SlabCache {
  readonly name: string;
  readonly va: VirtAddr;
  readonly objectBytes: number;
  readonly geometry: SlabGeometry;
  readonly lock: Spinlock;
  private readonly memory: MemoryPort;
  private readonly account: FrameAccount;
  private readonly describe: (va: VirtAddr) => string;
  private readonly struct: PageWords;
  private readonly vaLo: number;
  private readonly vaHi: number;
  private readonly lists: SlabLists;
  /** Handles on the slabs on the lists in memory, by physical address. */
  private readonly slabs = new Map<PhysAddr, Slab>();
  /** Slab that was found last: the first guess for the next lookup. */
  private last: Slab | null = null;

  constructor({ memory, va, name, objectBytes, geometry, account, describe }: SlabCacheContext) {
    this.memory = memory;
    this.va = va;
    this.name = name;
    this.objectBytes = objectBytes;
    this.geometry = geometry;
    this.account = account;
    this.describe = describe;
    this.struct = new PageWords(memory, va, CACHE_BYTES);
    this.vaLo = Number(BigInt.asUintN(32, va));
    this.vaHi = Number(va >> 32n);
    this.lock = new Spinlock(memory, va, `slab ${name}`);
    this.lists = new SlabLists(this.struct, (base) => this.find(base));
  }

  /**
   * Allocates an object; `null` when the buddy allocator has no slab. Contents are undefined.
   * O(objects in a slab / 32).
   * @throws KernelPanic when a header or a link is damaged
   */
  alloc(): VirtAddr | null {
    this.lock.acquire();
    this.struct.open();
    const slab = this.lists.first(SlabList.PARTIAL) ?? this.lists.first(SlabList.EMPTY) ?? this.grow();
    let object: VirtAddr | null = null;
    if (slab !== null) {
      const before = slab.list;
      const index = slab.alloc();
      if (index < 0) {
        throw badSlabFree(BadSlabFree.CORRUPT, this.name, slab.va, 'its bitmap is full and its count is not');
      }
      this.move(slab, before);
      this.count(1);
      object = slab.object(index);
    }
    this.struct.charge(ACCESSES_PER_OPERATION);
    this.lock.release();
    return object;
  }

  /**
   * Frees an object that {@link alloc} returned. O(1).
   * @throws KernelPanic (BadSlabFree) on: double free, an address that no cache or another
   * cache handed out, the inside of an object
   */
  free(va: VirtAddr): void {
    this.lock.acquire();
    this.struct.open();
    const { bytes, first, stride, capacity } = this.geometry;
    // A slab's size is a power of two: cheaper than a remainder above 2^32.
    const pa = va < DIRECT_MAP_BASE ? -1 : Number(BigInt.asUintN(DIRECT_MAP_BITS, va));
    const base = Math.floor(pa / bytes) * bytes;
    const place = pa - base;
    const slab = pa < 0 ? null : this.find(physAddr(base));
    if (slab === null) throw badSlabFree(BadSlabFree.FOREIGN, this.name, va, this.describe(va));
    const index = (place - first) / stride;
    if (!Number.isInteger(index) || index < 0 || index >= capacity) {
      throw badSlabFree(BadSlabFree.NOT_AN_OBJECT, this.name, va, `at offset ${place} of the slab at ${hex(slab.va)}`);
    }
    const before = slab.list;
    if (!slab.free(index)) {
      throw badSlabFree(
        BadSlabFree.DOUBLE_FREE,
        this.name,
        va,
        `object ${index} of the slab at ${hex(slab.va)} is free`,
      );
    }
    this.count(-1);
    this.move(slab, before);
    if (this.lists.length(SlabList.EMPTY) > EMPTY_KEPT && slab.list === SlabList.EMPTY) this.release(slab);
    this.struct.charge(ACCESSES_PER_OPERATION);
    this.lock.release();
  }

  /** Frees the empty slabs. @returns the number of frames. O(empty slabs) */
  shrink(): number {
    this.lock.acquire();
    this.struct.open();
    let frames = 0;
    for (let slab = this.lists.first(SlabList.EMPTY); slab !== null; slab = this.lists.first(SlabList.EMPTY)) {
      this.release(slab);
      frames += 2 ** this.geometry.order;
    }
    this.lock.release();
    return frames;
  }

  /** True when the slab at `base` is one of the cache's. */
  owns(base: PhysAddr): boolean {
    return this.slabs.has(base);
  }

  /** Statistics from the counters in memory. */
  statistics(): SlabStatistics {
    this.struct.open();
    const { stride, capacity, bytes } = this.geometry;
    const slabsPartial = this.lists.length(SlabList.PARTIAL);
    const slabsFull = this.lists.length(SlabList.FULL);
    const slabsEmpty = this.lists.length(SlabList.EMPTY);
    const slabs = slabsPartial + slabsFull + slabsEmpty;
    return {
      name: this.name,
      objectBytes: this.objectBytes,
      stride,
      objectsInUse: this.inUse,
      objects: slabs * capacity,
      objectsPerSlab: capacity,
      slabsPartial,
      slabsFull,
      slabsEmpty,
      bytes: slabs * bytes,
    };
  }

  /** Recounts everything. @returns one sentence for each violated invariant. O(objects) */
  validate(): string[] {
    this.struct.open();
    const violations: string[] = [];
    let inUse = 0;
    let slabs = 0;
    for (const list of Object.values(SlabList)) {
      let length = 0;
      let before: Slab | null = null;
      for (
        let slab = this.lists.first(list);
        slab !== null && length <= this.slabs.size;
        slab = this.lists.next(slab)
      ) {
        const counted = slab.countInUse();
        if (counted !== slab.inUse) {
          violations.push(`slab at ${hex(slab.va)}: in_use ${slab.inUse}, counted ${counted}`);
        }
        if (slab.list !== list) violations.push(`slab at ${hex(slab.va)}: on list ${list}, belongs on ${slab.list}`);
        if (this.lists.previous(slab) !== before) violations.push(`slab at ${hex(slab.va)}: prev does not lead back`);
        inUse += counted;
        before = slab;
        length++;
      }
      if (length !== this.lists.length(list)) {
        violations.push(`cache ${this.name}: list ${list} has ${length} slabs, recorded ${this.lists.length(list)}`);
      }
      slabs += length;
    }
    if (inUse !== this.inUse) violations.push(`cache ${this.name}: in_use ${this.inUse}, counted ${inUse}`);
    if (slabs !== this.slabs.size) {
      violations.push(`cache ${this.name}: ${slabs} slabs listed, ${this.slabs.size} known`);
    }
    return violations;
  }

  private get inUse(): number {
    return this.struct.words[this.struct.at + CACHE_IN_USE]!;
  }

  private count(change: number): void {
    this.struct.words[this.struct.at + CACHE_IN_USE] = this.inUse + change;
  }

  /**
   * Slab at `base`, opened; null when the cache has none there. @throws KernelPanic when its header
   * was overwritten
   */
  private find(base: PhysAddr): Slab | null {
    let slab = this.last;
    if (slab === null || slab.base !== base) {
      slab = this.slabs.get(base) ?? null;
      if (slab === null) return null;
      this.last = slab;
    }
    slab.open();
    if (!slab.belongsTo(this.vaLo, this.vaHi)) {
      throw badSlabFree(BadSlabFree.CORRUPT, this.name, slab.va, 'the header of the slab was overwritten');
    }
    return slab;
  }

  private move(slab: Slab, before: SlabList): void {
    const after = slab.list;
    if (after === before) return;
    this.lists.remove(before, slab);
    this.lists.push(after, slab);
    this.struct.charge(ACCESSES_PER_SLAB);
  }

  private grow(): Slab | null {
    const frames = this.account.allocFrames(this.geometry.order);
    if (frames === null) return null;
    const slab = new Slab(this.memory, frames, this.geometry);
    slab.initialise(this.va);
    this.slabs.set(frames, slab);
    this.lists.push(SlabList.EMPTY, slab);
    this.struct.charge(ACCESSES_PER_SLAB);
    return slab;
  }

  private release(slab: Slab): void {
    this.lists.remove(SlabList.EMPTY, slab);
    slab.wipe();
    this.slabs.delete(slab.base);
    this.last = null;
    this.account.freeFrames(slab.base, this.geometry.order);
    this.struct.charge(ACCESSES_PER_SLAB);
  }
}
