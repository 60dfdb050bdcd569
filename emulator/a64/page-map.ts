// SPDX-License-Identifier: GPL-2.0-only
/**
 * Map of pages by virtual address, read on every TLB miss. The keys are the address's upper word,
 * then the page number in its lower word: both are small integers, which are fast keys.
 *
 *     63          32 31      12 11   0
 *     ─ upper word ─ ─ number ─ offset
 */

import { TLB_PAGE_SHIFT } from './layout.ts';

/** Number of pages under one upper word. */
const PAGES = 2 ** (32 - TLB_PAGE_SHIFT);
/**
 * Mask that removes the top byte of an upper word: TLBI does not give that byte, and it may be a
 * tag.
 */
const UNTAGGED = 0xff_ffff;

export class PageMap<T> {
  private readonly byUpper = new Map<number, Map<number, T | undefined>>();
  /** First pages of leaves larger than one page, by the leaf's number of pages. */
  private readonly leaves = new Map<number, Set<number>>();
  private lastUpper = 0;
  private last: Map<number, T | undefined> | undefined;

  get(low: number, high: number): T | undefined {
    return this.under(high | 0)?.get(low >>> TLB_PAGE_SHIFT);
  }

  /** @param count number of pages that the leaf of the address maps */
  set(low: number, high: number, page: T, count: number): void {
    let pages = this.under(high | 0);
    if (pages === undefined) {
      pages = new Map();
      this.byUpper.set(high | 0, pages);
      this.last = pages;
    }
    pages.set(low >>> TLB_PAGE_SHIFT, page);
    if (count === 1) return;
    const firsts = this.leaves.get(count) ?? new Set();
    const number = (high & UNTAGGED) * PAGES + (low >>> TLB_PAGE_SHIFT);
    this.leaves.set(count, firsts.add(number - (number % count)));
  }

  /**
   * Removes the page whose address has bits 55:12 equal to `page`, under every top byte, and all
   * pages of the same leaf. Returns true when there were others.
   */
  delete(page: number): boolean {
    this.deleteRange(page, 1);
    let hadOthers = false;
    for (const [count, firsts] of this.leaves) {
      const first = page - (page % count);
      if (!firsts.delete(first)) continue;
      this.deleteRange(first, count);
      hadOthers = true;
    }
    return hadOthers;
  }

  private deleteRange(first: number, count: number): void {
    for (const [upper, pages] of this.byUpper) {
      const offset = first - (upper & UNTAGGED) * PAGES;
      if (offset >= PAGES || offset + count <= 0) continue;
      // The key stays: a map that loses and gets keys is made anew again and again.
      if (count === 1) {
        if (pages.get(offset) !== undefined) pages.set(offset, undefined);
      } else for (const number of pages.keys()) if (number >= offset && number < offset + count) pages.delete(number);
    }
  }

  clear(): void {
    this.byUpper.clear();
    this.leaves.clear();
    this.last = undefined;
  }

  private under(upper: number): Map<number, T | undefined> | undefined {
    if (this.last === undefined || upper !== this.lastUpper) {
      this.last = this.byUpper.get(upper);
      this.lastUpper = upper;
    }
    return this.last;
  }
}
