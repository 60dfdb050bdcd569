// SPDX-License-Identifier: GPL-2.0-only
/**
 * Slab caches of the kernel: creation, the list of caches, and general caches for small allocations
 * of any size.
 *
 * ```
 * slab_caches (8 bytes, .bss)  u64 first cache ─► struct Cache ─► struct Cache ─► 0     in the order they were made
 *
 * size classes, made when first asked for:
 *   size-16  size-32  size-64  size-96  size-128  size-192  size-256  size-512  size-1024  size-2048
 * ```
 */

import { alignDown, hex, PAGE_SIZE, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import type { BssArena } from '#kernel-ts/kernel/mm/bss.ts';
import { DIRECT_MAP_BASE } from '#kernel-ts/kernel/direct-map.ts';
import type { FrameAccounts } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import type { Heap } from '#kernel-ts/kernel/mm/heap.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import { PageWords } from './page-words.ts';
import { BadSlabFree, badSlabFree, SlabCache, type SlabStatistics } from './slab-cache.ts';
import {
  CACHE_ALIGN,
  CACHE_ALIGNMENT,
  CACHE_BYTES,
  CACHE_CAPACITY,
  CACHE_FIRST,
  CACHE_NAME,
  CACHE_NAME_BYTES,
  CACHE_NEXT,
  CACHE_OBJECT_BYTES,
  CACHE_ORDER,
  CACHE_STRIDE,
  slabGeometry,
} from './slab-layout.ts';

/** Object sizes of the general caches, in bytes. */
export const SIZE_CLASSES: readonly number[] = [16, 32, 64, 96, 128, 192, 256, 512, 1024, 2048];

/** Default alignment of objects. */
const DEFAULT_ALIGN = 16;

/** All slab caches. */
export class SlabAllocator {
  private readonly memory: MemoryPort;
  private readonly heap: Heap;
  private readonly frames: FrameAccounts;
  private readonly listHead: VirtAddr;
  /** Handles on the caches of the list in memory, in its order. */
  private readonly made: SlabCache[] = [];

  /** Creates an allocator without caches. @throws KernelPanic when .bss is full */
  constructor(memory: MemoryPort, bss: BssArena, heap: Heap, frames: FrameAccounts) {
    this.memory = memory;
    this.heap = heap;
    this.frames = frames;
    this.listHead = bss.reserve('slab_caches', 8, 8);
    memory.write64(this.listHead, 0n);
  }

  /**
   * Creates a cache for objects of `objectBytes` bytes (at most a page) at multiples of `align`, a
   * power of two up to 256. `null` when the heap has no room for its struct. @throws KernelPanic
   * when the sizes are invalid, the name is longer than 23 bytes of ASCII, or it is taken
   */
  createCache(name: string, objectBytes: number, align = DEFAULT_ALIGN): SlabCache | null {
    const powerOfTwo = Number.isInteger(align) && align >= 4 && align <= 256 && (align & (align - 1)) === 0;
    const sizeFits = Number.isInteger(objectBytes) && objectBytes > 0 && objectBytes <= PAGE_SIZE;
    const geometry = powerOfTwo && sizeFits ? slabGeometry(objectBytes, align, PAGE_SIZE) : null;
    if (geometry === null) throw badCache(name, `objects of ${objectBytes} bytes aligned to ${align}`);
    if (!/^[\x20-\x7e]{1,23}$/.test(name)) throw badCache(name, `a name has 1 to ${CACHE_NAME_BYTES} ASCII characters`);
    if (this.find(name) !== null) throw badCache(name, 'there is one of that name');
    const va = this.heap.alloc(CACHE_BYTES, CACHE_ALIGNMENT);
    if (va === null) return null;
    this.memory.fill(va, CACHE_BYTES, 0);
    this.memory.writeBytes(
      virtAddr(va + BigInt(CACHE_NAME)),
      Uint8Array.from(name, (letter) => letter.charCodeAt(0)),
    );
    const struct = new PageWords(this.memory, va, CACHE_BYTES);
    struct.open();
    const { words, at } = struct;
    words[at + CACHE_OBJECT_BYTES] = objectBytes;
    words[at + CACHE_STRIDE] = geometry.stride;
    words[at + CACHE_ORDER] = geometry.order;
    words[at + CACHE_CAPACITY] = geometry.capacity;
    words[at + CACHE_FIRST] = geometry.first;
    words[at + CACHE_ALIGN] = align;
    const last = this.made.at(-1);
    this.memory.write64(last === undefined ? this.listHead : virtAddr(last.va + BigInt(CACHE_NEXT * 4)), va);
    const account = this.frames.account(PageOwner.SLAB, `slab:${name}`);
    const describe = (foreign: VirtAddr): string => this.describe(foreign);
    const cache = new SlabCache({ memory: this.memory, va, name, objectBytes, geometry, account, describe });
    this.made.push(cache);
    return cache;
  }

  /**
   * Allocates `bytes` bytes (at most 2048) from the smallest size class that holds them; `null`
   * when memory is exhausted.
   * @throws KernelPanic for more
   */
  alloc(bytes: number): VirtAddr | null {
    const size = SIZE_CLASSES.find((candidate) => candidate >= bytes);
    if (size === undefined || !(bytes > 0)) throw badCache('size classes', `no class holds ${bytes} bytes`);
    const name = `size-${size}`;
    return (this.find(name) ?? this.createCache(name, size))?.alloc() ?? null;
  }

  /**
   * Frees an object that {@link alloc} or a cache's alloc returned. O(caches). @throws KernelPanic
   * as SlabCache.free
   */
  free(va: VirtAddr): void {
    const cache = this.cacheOf(va);
    if (cache === null) throw badSlabFree(BadSlabFree.FOREIGN, 'any', va, this.describe(va));
    cache.free(va);
  }

  /** Cache whose slabs contain `va`, `null` when there is none. O(caches). */
  cacheOf(va: VirtAddr): SlabCache | null {
    if (va < DIRECT_MAP_BASE) return null;
    const pa = Number(va - DIRECT_MAP_BASE);
    return this.made.find((cache) => cache.owns(physAddr(alignDown(pa, cache.geometry.bytes)))) ?? null;
  }

  /** Cache by name, `null` when there is none. O(caches). */
  find(name: string): SlabCache | null {
    return this.made.find((cache) => cache.name === name) ?? null;
  }

  /** Frees all empty slabs. @returns the number of frames. O(caches + empty slabs) */
  shrink(): number {
    return this.made.reduce((frames, cache) => frames + cache.shrink(), 0);
  }

  /** All caches, in the order of their creation. */
  statistics(): SlabStatistics[] {
    return this.made.map((cache) => cache.statistics());
  }

  /**
   * Recounts all caches, and their list. @returns one sentence for each violated invariant.
   * O(objects)
   */
  validate(): string[] {
    const violations = this.made.flatMap((cache) => cache.validate());
    let listed = this.memory.read64(this.listHead);
    for (const { name, va } of this.made) {
      if (listed !== va) violations.push(`cache ${name}: the list leads to ${hex(listed)}, it is at ${hex(va)}`);
      listed = this.memory.read64(virtAddr(va + BigInt(CACHE_NEXT * 4)));
    }
    if (listed !== 0n) violations.push(`the list of caches goes on to ${hex(listed)}`);
    return violations;
  }

  private describe(va: VirtAddr): string {
    const cache = this.cacheOf(va);
    return cache === null ? 'in no slab of any cache' : `in a slab of cache '${cache.name}'`;
  }
}

function badCache(name: string, detail: string): KernelPanic {
  return new KernelPanic('Slab cache that cannot be made', `cache '${name}': ${detail}`);
}
