// SPDX-License-Identifier: GPL-2.0-only
/**
 * Lists of a cache: operations on the links of slabs in memory. A link is followed only when it
 * points to a slab of the cache.
 */

import { hex, type PhysAddr, physAddr } from '#common/address.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { DIRECT_MAP_BASE } from '#kernel-ts/kernel/direct-map.ts';
import type { PageWords } from './page-words.ts';
import type { Slab } from './slab.ts';
import {
  CACHE_LISTS,
  LIST_HEAD_HI,
  LIST_HEAD_LO,
  LIST_LENGTH,
  LIST_WORDS,
  SLAB_NEXT,
  SLAB_PREV,
  type SlabList,
} from './slab-layout.ts';

/** High word of the direct map's first address. */
const DIRECT_MAP_HI = Number(DIRECT_MAP_BASE >> 32n);

/** Finds the handle of a slab of the cache, opened; null when there is none at that address. */
export type FindSlab = (base: PhysAddr) => Slab | null;

/** The three lists in a struct Cache that was opened. */
export class SlabLists {
  private readonly cache: PageWords;
  private readonly find: FindSlab;

  constructor(cache: PageWords, find: FindSlab) {
    this.cache = cache;
    this.find = find;
  }

  length(list: SlabList): number {
    return this.cache.words[this.area(list) + LIST_LENGTH]!;
  }

  /**
   * First slab of the list, `null` when it is empty.
   * @throws KernelPanic when the link points to no slab of the cache
   */
  first(list: SlabList): Slab | null {
    const area = this.area(list);
    const { words } = this.cache;
    return this.follow(words[area + LIST_HEAD_LO]!, words[area + LIST_HEAD_HI]!);
  }

  /** Slab after `slab`, `null` at the end. */
  next(slab: Slab): Slab | null {
    return this.follow(slab.words[slab.at + SLAB_NEXT]!, slab.words[slab.at + SLAB_NEXT + 1]!);
  }

  /** Slab before `slab`, `null` at the start. */
  previous(slab: Slab): Slab | null {
    return this.follow(slab.words[slab.at + SLAB_PREV]!, slab.words[slab.at + SLAB_PREV + 1]!);
  }

  /** Adds `slab`, which is on no list, at the front of `list`. */
  push(list: SlabList, slab: Slab): void {
    const area = this.area(list);
    const { words } = this.cache;
    const head = this.first(list);
    setLink(slab, SLAB_NEXT, head);
    setLink(slab, SLAB_PREV, null);
    if (head !== null) setLink(head, SLAB_PREV, slab);
    words[area + LIST_HEAD_LO] = slab.lo;
    words[area + LIST_HEAD_HI] = slab.hi;
    words[area + LIST_LENGTH]!++;
  }

  /** Removes `slab` from `list`, at any position. */
  remove(list: SlabList, slab: Slab): void {
    const area = this.area(list);
    const { words } = this.cache;
    const next = this.next(slab);
    const previous = this.previous(slab);
    if (previous === null) {
      if (this.first(list) !== slab) {
        throw damaged(slab, 'is not the first of its list, yet nothing comes before it');
      }
      words[area + LIST_HEAD_LO] = next?.lo ?? 0;
      words[area + LIST_HEAD_HI] = next?.hi ?? 0;
    } else {
      setLink(previous, SLAB_NEXT, next);
    }
    if (next !== null) setLink(next, SLAB_PREV, previous);
    words[area + LIST_LENGTH]!--;
  }

  private area(list: SlabList): number {
    return this.cache.at + CACHE_LISTS + list * LIST_WORDS;
  }

  private follow(lo: number, hi: number): Slab | null {
    if (lo === 0 && hi === 0) return null;
    const slab = hi < DIRECT_MAP_HI ? null : this.find(physAddr((hi - DIRECT_MAP_HI) * 2 ** 32 + lo));
    if (slab === null) {
      throw new KernelPanic(
        SLAB_LINK_CORRUPTED,
        `${hex((BigInt(hi) << 32n) | BigInt(lo))} is no slab of the cache at ${hex(this.cache.va)}`,
      );
    }
    return slab;
  }
}

/** An interface for tools. */
export const SLAB_LINK_CORRUPTED = 'A link between slabs is corrupted';

function damaged(slab: Slab, what: string): KernelPanic {
  return new KernelPanic(SLAB_LINK_CORRUPTED, `the slab at ${hex(slab.va)} ${what}`);
}

function setLink(slab: Slab, field: number, to: Slab | null): void {
  slab.words[slab.at + field] = to?.lo ?? 0;
  slab.words[slab.at + field + 1] = to?.hi ?? 0;
}
