// SPDX-License-Identifier: GPL-2.0-only
/**
 * A zone: the binary buddy system of one section of mem_map (Knuth, TAOCP volume 1, 2.5, "buddy
 * system"). It moves blocks between free lists and allocations, and trusts its caller: buddy.ts
 * locks, chooses the zone and refuses bad requests.
 *
 * ```
 * alloc order 0 from an order 2 block        free it
 *   |      2      |                            | 0 | f |   f   |     its buddy is free at order 0: merge
 *   |   1   | f 1 |    upper half to its list  |   1   |   f   |     that one's buddy is free at order 1: merge
 *   | 0 |f 0| f 1 |    and again               |      2        |
 * ```
 *
 * Invariants (recounted by buddy-check.ts): a free block of order k starts at a multiple of 2^k;
 * the buddy of a free block below the top order is not free at the same order; list lengths and
 * non_empty agree with the descriptors.
 */

import { FreeLists, NONE, read, write } from './free-lists.ts';
import {
  allocatedHeadState,
  freeHeadState,
  MAX_ORDER,
  PAGE_STRUCT_WORDS,
  PageFlag,
  RESERVED_STATE,
  TAIL_STATE,
} from './page.ts';
import { ZONE_MANAGED, ZONE_NON_EMPTY } from './zone-layout.ts';

/** Port accesses charged for a list operation, and for the lock and counters of an operation. */
const ACCESSES_PER_LEVEL = 6;
const ACCESSES_PER_OPERATION = 8;

/** Blocks of one section. Every method except the constructor needs open() before it. */
export class Zone extends FreeLists {
  /**
   * Allocates from the first block of the smallest sufficient order, and splits it: the lower half
   * is kept, upper halves go to their lists. O(MAX_ORDER - order). @returns the block, or NONE
   */
  alloc(order: number, extra = 0): number {
    const candidates = this.zone[this.at + ZONE_NON_EMPTY]! >>> order;
    if (candidates === 0) return NONE;
    const level = order + 31 - Math.clz32(candidates & -candidates);
    this.mapWindow.charge(ACCESSES_PER_OPERATION + ACCESSES_PER_LEVEL * (level - order + 1));
    const word = this.pop(level, allocatedHeadState(order, extra));
    if (level > order) this.expand(word, level, order);
    return ((word / PAGE_STRUCT_WORDS) | 0) + this.startRel;
  }

  /**
   * As {@link alloc}, from the smallest block whose first 2^order frames end at or below frame
   * `limitRel`. O(free blocks of at least that order): lists are not sorted by address.
   * @returns the block, or NONE
   */
  allocBelow(order: number, limitRel: number): number {
    for (let level = order; level <= MAX_ORDER; level++) {
      let rel = this.head(level);
      // The counter limits the walk, in case a damaged list is circular.
      for (let left = this.freeBlocks(level); left > 0 && rel !== NONE; left--) {
        if (rel + (1 << order) <= limitRel) {
          this.mapWindow.charge(ACCESSES_PER_OPERATION + ACCESSES_PER_LEVEL * (level - order + 1));
          const word = this.word(rel);
          this.unlink(word, level, allocatedHeadState(order));
          this.expand(word, level, order);
          return rel;
        }
        rel = this.next(rel);
      }
    }
    return NONE;
  }

  /** Splits a block from order `level` to `order`: upper halves go to their lists. */
  protected expand(word: number, level: number, order: number): void {
    while (level > order) {
      level--;
      this.push(word + (PAGE_STRUCT_WORDS << level), level);
    }
  }

  /**
   * Frees the block whose head's state is `expected`, merging with its buddy as long as that is
   * free at the same order. The absorbed half becomes a TAIL without flags: a stale FREE there
   * would be merged a second time. O(MAX_ORDER - order).
   * @returns false, and changes nothing, when the state differs
   */
  free(rel: number, order: number, expected: number): boolean {
    const { pages, first, shift, mask, startRel, endRel } = this;
    if (read(pages, shift, mask, first + (rel - startRel) * PAGE_STRUCT_WORDS) !== expected) return false;
    let block = rel;
    let level = order;
    while (level < MAX_ORDER) {
      const size = 1 << level;
      const buddy = block ^ size;
      if (buddy < startRel || buddy + size > endRel) break;
      const word = (buddy - startRel) * PAGE_STRUCT_WORDS;
      if (read(pages, shift, mask, first + word) !== freeHeadState(level)) break;
      // The buddy leaves its list as a TAIL, which it stays if it is the upper half.
      this.unlink(word, level, TAIL_STATE);
      const upper = ((block | size) - startRel) * PAGE_STRUCT_WORDS;
      write(pages, shift, mask, first + upper, TAIL_STATE);
      block &= ~size;
      level++;
    }
    this.push((block - startRel) * PAGE_STRUCT_WORDS, level);
    this.mapWindow.charge(ACCESSES_PER_OPERATION + ACCESSES_PER_LEVEL * (level - order + 1));
    return true;
  }

  /**
   * Allocates `frames` contiguous frames: a block of the order that covers them, kept as a row of
   * blocks, largest first; the rest of it is freed. The rest cannot merge, because the buddy of
   * each of its blocks is in the row. O(MAX_ORDER). @returns the first frame, or NONE
   */
  allocExact(frames: number, order: number): number {
    const rel = this.alloc(order, PageFlag.EXACT);
    if (rel === NONE || frames === 1 << order) return rel;
    let block = rel;
    let left = frames;
    for (let level = order - 1; left > 0; level--) {
      const half = 1 << level;
      if (left >= half) {
        this.store(this.word(block), exactState(level, block !== rel));
        block += half;
        left -= half;
        if (left === 0) {
          // The upper half of this level is free as a whole.
          this.push(this.word(block), level);
        }
      } else {
        this.push(this.word(block + half), level);
      }
    }
    return rel;
  }

  /**
   * Adds RESERVED frames to the zone: they become TAIL, and are then freed as blocks, so that they
   * merge with free neighbours. O(frames).
   * @returns NONE, or the first frame that is not RESERVED: then the zone must not be used any more
   */
  addRange(fromRel: number, toRel: number): number {
    const { pages, first, shift, mask } = this;
    const end = first + this.word(toRel);
    // Written piece by piece: this loop runs once a frame and takes most of the boot's time.
    for (let i = first + this.word(fromRel); i < end; ) {
      const piece = pages[i >>> shift]!;
      const start = i - (i & mask);
      const stop = Math.min(end - start, piece.length);
      let p = i & mask;
      for (; p < stop; p += PAGE_STRUCT_WORDS) {
        if (piece[p] !== RESERVED_STATE) return this.startRel + (start + p - first) / PAGE_STRUCT_WORDS;
        piece[p] = TAIL_STATE;
      }
      i = start + p;
    }
    this.mapWindow.charge(2 * (toRel - fromRel));
    this.zone[this.at + ZONE_MANAGED]! += toRel - fromRel;
    // From the end down: the lists then start with the lowest block, which is allocated first.
    for (let end = toRel; end > fromRel; ) {
      const alignment = end === 0 ? MAX_ORDER : Math.min(MAX_ORDER, 31 - Math.clz32(end & -end));
      const order = Math.min(alignment, 31 - Math.clz32(end - fromRel));
      end -= 1 << order;
      this.free(end, order, TAIL_STATE);
    }
    return NONE;
  }
}

/** State of a block in an allocation of any number of frames. */
export function exactState(order: number, continued: boolean): number {
  return allocatedHeadState(order, PageFlag.EXACT | (continued ? PageFlag.CONTINUED : 0));
}
