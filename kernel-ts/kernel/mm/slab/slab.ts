// SPDX-License-Identifier: GPL-2.0-only
/**
 * One slab: its bitmap of objects in use, and its links. Not here: lists, growing and refusal
 * (slab-cache.ts), layout (slab-layout.ts).
 */

import { type PhysAddr, virtAddr, type VirtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { PageWords } from './page-words.ts';
import {
  SLAB_BITMAP,
  SLAB_CACHE_HI,
  SLAB_CACHE_LO,
  SLAB_HEADER_BYTES,
  SLAB_IN_USE,
  SLAB_MAGIC,
  SLAB_MAGIC_WORD,
  type SlabGeometry,
  SlabList,
} from './slab-layout.ts';

/** Handle on a struct Slab. Every method except the constructor needs open() before it. */
export class Slab extends PageWords {
  readonly base: PhysAddr;
  /** Low half of its address, as lists store it. */
  readonly lo: number;
  readonly hi: number;
  private readonly geometry: SlabGeometry;

  /** @param base first byte of the block of frames */
  constructor(memory: MemoryPort, base: PhysAddr, geometry: SlabGeometry) {
    super(memory, physToVirt(base), SLAB_HEADER_BYTES + Math.ceil(geometry.capacity / 32) * 4);
    this.base = base;
    this.lo = Number(BigInt.asUintN(32, this.va));
    this.hi = Number(this.va >> 32n);
    this.geometry = geometry;
  }

  /** Writes the header of a slab without objects in use and without links. */
  initialise(cache: VirtAddr): void {
    this.open();
    const { words, at } = this;
    const { capacity } = this.geometry;
    words.fill(0, at, at + SLAB_BITMAP);
    words[at + SLAB_MAGIC_WORD] = SLAB_MAGIC;
    words[at + SLAB_CACHE_LO] = Number(BigInt.asUintN(32, cache));
    words[at + SLAB_CACHE_HI] = Number(cache >> 32n);
    const bitmapWords = Math.ceil(capacity / 32);
    words.fill(0, at + SLAB_BITMAP, at + SLAB_BITMAP + bitmapWords);
    const tail = capacity % 32;
    if (tail !== 0) words[at + SLAB_BITMAP + bitmapWords - 1] = -1 << tail;
  }

  /** Clears the magic, so that an address in it is never taken for an object again. */
  wipe(): void {
    this.words[this.at + SLAB_MAGIC_WORD] = 0;
  }

  /** True when the header belongs to a slab of `cache`. */
  belongsTo(cacheLo: number, cacheHi: number): boolean {
    const { words, at } = this;
    return (
      words[at + SLAB_MAGIC_WORD] === SLAB_MAGIC &&
      words[at + SLAB_CACHE_LO] === cacheLo &&
      words[at + SLAB_CACHE_HI] === cacheHi
    );
  }

  get inUse(): number {
    return this.words[this.at + SLAB_IN_USE]!;
  }

  /** List that the slab should be on. */
  get list(): SlabList {
    const { inUse } = this;
    return inUse === 0 ? SlabList.EMPTY : inUse === this.geometry.capacity ? SlabList.FULL : SlabList.PARTIAL;
  }

  /** Allocates the lowest free object. @returns its number, or -1 when the bitmap has none */
  alloc(): number {
    const { words, at } = this;
    const end = at + SLAB_BITMAP + ((this.geometry.capacity + 31) >>> 5);
    for (let word = at + SLAB_BITMAP; word < end; word++) {
      const free = ~words[word]!;
      if (free !== 0) {
        const bit = 31 - Math.clz32(free & -free);
        words[word]! |= 1 << bit;
        words[at + SLAB_IN_USE]!++;
        return ((word - at - SLAB_BITMAP) << 5) + bit;
      }
    }
    return -1;
  }

  /** Frees object `index`. @returns false, and changes nothing, when it is not in use */
  free(index: number): boolean {
    const { words, at } = this;
    const word = at + SLAB_BITMAP + (index >>> 5);
    const bit = 1 << (index & 31);
    if ((words[word]! & bit) === 0) return false;
    words[word]! &= ~bit;
    words[at + SLAB_IN_USE]!--;
    return true;
  }

  /** Number of objects in use, counted from the bitmap. */
  countInUse(): number {
    let count = 0;
    for (let index = 0; index < this.geometry.capacity; index++) {
      const bits = this.words[this.at + SLAB_BITMAP + (index >>> 5)]!;
      count += (bits >>> (index & 31)) & 1;
    }
    return count;
  }

  /** Address of object `index`. */
  object(index: number): VirtAddr {
    return virtAddr(this.va + BigInt(this.geometry.first + index * this.geometry.stride));
  }
}
