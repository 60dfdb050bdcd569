// SPDX-License-Identifier: GPL-2.0-only
/**
 * Layout of a user address space, with its limits.
 *
 * ```
 *  0x0000_0000_0001_0000   the program: segments, each in whole pages     (unmapped below: null pointers fault)
 *                          one page that stays unmapped
 *                          heap, up to 64 MiB: from sbrk, pages by demand
 *                          ...
 *                          one page that stays unmapped: the guard
 *                          stack, 16 pages by demand
 *  0x0000_7FFF_FFFF_0000   stack top
 *  0x0000_8000_0000_0000   the end of user addresses
 * ```
 * Source of the end of user addresses, of the stack's place and size and of the usual entry point:
 * LevitateOS.
 */

import { PAGE_SIZE, virtAddr } from '#common/address.ts';
import type { ProgramRange } from './elf-image.ts';

const PAGE = BigInt(PAGE_SIZE);

/** End of the stack: SP at the start of a program. */
export const STACK_TOP = virtAddr(0x0000_7fff_ffff_0000n);
/** End of user addresses: half of the range of TTBR0. */
export const USER_END = 2n ** 47n;
/** Most pages of the stack. */
export const STACK_PAGES = 16n;
/** First byte of the stack. */
export const STACK_BOTTOM = virtAddr(STACK_TOP - STACK_PAGES * PAGE);
/** Page below the stack, never mapped. */
export const STACK_GUARD = virtAddr(STACK_BOTTOM - PAGE);

/** Most bytes of a process's heap. */
export const HEAP_LIMIT_BYTES = 64n * 2n ** 20n;

/**
 * Range for the segments of a program: the rest when the heap has its largest size.
 * Position-independent ones start at 4 MiB.
 */
export const PROGRAM_RANGE: ProgramRange = {
  start: virtAddr(0x1_0000n),
  end: virtAddr(STACK_GUARD - 2n * PAGE - HEAP_LIMIT_BYTES),
  positionIndependentBase: virtAddr(0x40_0000n),
};
