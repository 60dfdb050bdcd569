// SPDX-License-Identifier: GPL-2.0-only
/**
 * struct Page: the descriptor of one frame, with its layout and meaning. mem-map.ts places
 * descriptors, zone.ts changes them.
 *
 * ```
 *  byte 0       1       2         4        8                16               24
 *      | flags | order | refcount |  pad   |      next      |      prev      |      align 8, little-endian
 * word |            0             |   1    |   2       3    |   4       5    |
 * ```
 *
 * `next` and `prev` are virtual addresses of other descriptors, 0 for none; they link the free list
 * of the block's order and are 0 everywhere else.
 *
 * Every frame of RAM is in exactly one of these states, at all times:
 *
 * | first frame of a free block     | HEAD FREE       order = the block's, refcount 0, linked                         |
 * | first frame of an allocation    | HEAD ALLOCATED  order = the block's, refcount 1                                 |
 * | any other frame of either       | TAIL            everything else 0; the frame's state is that of its head        |
 * | never given to the allocator    | RESERVED        everything else 0                                               |
 *
 * A block of order k starts at a multiple of 2^k frames, so the head of a TAIL is found by clearing
 * low bits, one at a time: at most 20 steps. So splitting or merging one level writes two
 * descriptors, not 2^k, and no flag is ever stale.
 *
 * `pad` is 0, or POISONED in a free frame that was poisoned when it was freed
 * (faults/frame-poison.ts).
 *
 * An allocation of any number of frames (allocExact) is a row of such blocks, largest first. Each
 * has the flag EXACT, and all but the first CONTINUED, so that the row can only be freed as a
 * whole.
 *
 * Numbers come first in this file and are written as literals, so that the bundler inlines them
 * elsewhere. V8 would read any other module variable from memory at each use, which would be most
 * of the work of an allocation.
 */

/** Size of a descriptor in bytes. */
export const PAGE_STRUCT_BYTES = 24;
/** Size of a descriptor in 32-bit words. */
export const PAGE_STRUCT_WORDS = 6;

/** Word offsets in a descriptor. `STATE` holds flags, order and refcount. */
export const PAGE_STATE = 0;
export const PAGE_PAD = 1;
export const PAGE_NEXT_LO = 2;
export const PAGE_NEXT_HI = 3;
export const PAGE_PREV_LO = 4;
export const PAGE_PREV_HI = 5;

/** Shifts in the state word. */
export const ORDER_SHIFT = 8;
export const REFCOUNT_SHIFT = 16;

/** State word of a TAIL and of a RESERVED frame. */
export const TAIL_STATE = 0x10;
export const RESERVED_STATE = 0x04;
/** HEAD FREE and HEAD ALLOCATED with one reference: state words of order 0. */
export const FREE_HEAD = 0x09;
export const ALLOCATED_HEAD = 0x1_000a;

/** Pad word of a free frame that is filled with poison. */
export const POISONED = 0x6b6b_6b6b;

/** Largest order: 2^20 frames, 4 GiB. */
export const MAX_ORDER = 20;
/** Number of frames in a block of the largest order. */
export const MAX_BLOCK_FRAMES = 2 ** MAX_ORDER;

/** Bits of `flags`. */
export const PageFlag = {
  FREE: 0x01,
  ALLOCATED: 0x02,
  RESERVED: RESERVED_STATE,
  HEAD: 0x08,
  TAIL: TAIL_STATE,
  /** Part of an allocation of any number of frames. */
  EXACT: 0x20,
  /** Not the first block of such an allocation. */
  CONTINUED: 0x40,
} as const;

/** State word of a free block's head. */
export function freeHeadState(order: number): number {
  return FREE_HEAD | (order << ORDER_SHIFT);
}

/** State word of an allocation's head, referenced once. `extra` adds EXACT or CONTINUED. */
export function allocatedHeadState(order: number, extra = 0): number {
  return ALLOCATED_HEAD | extra | (order << ORDER_SHIFT);
}

/** Fields of a state word. */
export interface PageState {
  readonly flags: number;
  readonly order: number;
  readonly refcount: number;
}

/** Decodes a state word. */
export function decodeState(word: number): PageState {
  return { flags: word & 0xff, order: (word >>> ORDER_SHIFT) & 0xff, refcount: word >>> REFCOUNT_SHIFT };
}

/** Names of the set flags: "HEAD FREE"; "none" when no bit is set; unknown bits as a number. */
export function flagNames(flags: number): string {
  const names = Object.entries(PageFlag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
  if ((flags & 0x80) !== 0) names.push('0x80');
  return names.length === 0 ? 'none' : names.join(' ');
}
