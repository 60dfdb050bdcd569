/** State words of struct Page: made, and taken apart. What they mean is page.ts's. */

import { ALLOCATED_HEAD, FREE_HEAD, ORDER_SHIFT, PageFlag, REFCOUNT_SHIFT } from './page.ts';

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
