/**
 * struct Page: what the kernel knows of one frame. The layout and its meaning; where descriptors lie is mem-map.ts, who changes them zone.ts.
 *
 * ```
 *  byte 0       1       2         4        8                16               24
 *      | flags | order | refcount |  pad   |      next      |      prev      |      align 8, little-endian
 * word |            0             |   1    |   2       3    |   4       5    |
 * ```
 *
 * `next` and `prev` are virtual addresses of other descriptors, 0 for none; they link the free list of the block's order and are 0 everywhere
 * else.
 *
 * Every frame of RAM is in exactly one of these states, at all times:
 *
 * | first frame of a free block       | HEAD FREE       order = the block's, refcount 0, linked                         |
 * | first frame of an allocation      | HEAD ALLOCATED  order = the block's, refcount 1                                 |
 * | any other frame of either         | TAIL            everything else 0; the frame's state is that of its head        |
 * | never given to the allocator      | RESERVED        everything else 0                                               |
 *
 * A block of order k starts at a multiple of 2^k frames, so the head of a TAIL is found by clearing low bits, one at a time: at most 20
 * steps. This is why splitting or merging one level touches two descriptors and not 2^k of them, while no flag is ever wrong.
 *
 * An allocation of any number of frames (allocExact) is a row of such blocks, largest first. Each carries EXACT, and all but the first
 * CONTINUED, so that the row can only be given back as a whole.
 */

/** Bytes in a descriptor. */
export const PAGE_STRUCT_BYTES = 24;
/** 32-bit words in a descriptor. */
export const PAGE_STRUCT_WORDS = PAGE_STRUCT_BYTES / 4;

/** Word offsets in a descriptor. `STATE` holds flags, order and refcount. */
export const PageWord = { STATE: 0, PAD: 1, NEXT_LO: 2, NEXT_HI: 3, PREV_LO: 4, PREV_HI: 5 } as const;

/** Bits of `flags`. */
export const PageFlag = {
  FREE: 0x01,
  ALLOCATED: 0x02,
  RESERVED: 0x04,
  HEAD: 0x08,
  TAIL: 0x10,
  /** Part of an allocation of any number of frames. */
  EXACT: 0x20,
  /** Not the first block of such an allocation. */
  CONTINUED: 0x40,
} as const;

/** Largest order: 2^20 frames, 4 GiB. */
export const MAX_ORDER = 20;
/** Frames in a block of the largest order. */
export const MAX_BLOCK_FRAMES = 2 ** MAX_ORDER;

const ORDER_SHIFT = 8;
const REFCOUNT_SHIFT = 16;

/** State word of a TAIL and of a RESERVED frame. */
export const TAIL_STATE: number = PageFlag.TAIL;
export const RESERVED_STATE: number = PageFlag.RESERVED;

// Computed once: the allocator builds a state word several times in each operation.
const FREE_HEAD = PageFlag.HEAD | PageFlag.FREE;
const ALLOCATED_HEAD = PageFlag.HEAD | PageFlag.ALLOCATED | (1 << REFCOUNT_SHIFT);

/** State word of a free block's head. */
export function freeHeadState(order: number): number {
  return FREE_HEAD | (order << ORDER_SHIFT);
}

/** State word of an allocation's head, referenced once. `extra` adds EXACT or CONTINUED. */
export function allocatedHeadState(order: number, extra = 0): number {
  return ALLOCATED_HEAD | extra | (order << ORDER_SHIFT);
}

/** The fields of a state word. */
export interface PageState {
  readonly flags: number;
  readonly order: number;
  readonly refcount: number;
}

/** Takes a state word apart. */
export function decodeState(word: number): PageState {
  return { flags: word & 0xff, order: (word >>> ORDER_SHIFT) & 0xff, refcount: word >>> REFCOUNT_SHIFT };
}

/** Names of the set flags, "HEAD FREE"; "none" when no bit is set, unknown bits as a number. */
export function flagNames(flags: number): string {
  const names = Object.entries(PageFlag)
    .filter(([, bit]) => (flags & bit) !== 0)
    .map(([name]) => name);
  if ((flags & 0x80) !== 0) {
    names.push('0x80');
  }
  return names.length === 0 ? 'none' : names.join(' ');
}
