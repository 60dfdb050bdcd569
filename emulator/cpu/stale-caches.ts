// SPDX-License-Identifier: GPL-2.0-only
/**
 * What a core still caches of translations and code that others have changed, until it is dropped
 * before the core runs on. TLBI and IC of one core concern all of them, and bytes that TypeScript
 * writes concern every core that has translated them.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.16 (TLB maintenance), D7.5 (instruction cache
 * maintenance).
 */

import type { CpuEngine } from '#emulator/engine/engine.ts';

/**
 * What a TLBI is about: everything, the pages of an ASID, one page (its address / 4096, without the
 * top byte) of an ASID or of all, a level's own regime.
 */
export type TlbScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'asid'; readonly asid: number }
  | { readonly kind: 'page'; readonly page: number; readonly asid: number | null }
  | { readonly kind: 'level'; readonly level: 2 | 3 };

/**
 * A TLBI, of everything unless it says of what, or an IC of one line of code (its physical address)
 * or of everything (null), or of every line of a range in one page.
 */
export type SharedChange =
  | { readonly kind: 'tlb'; readonly scope?: TlbScope }
  | { readonly kind: 'code'; readonly line: number | null }
  | { readonly kind: 'code range'; readonly start: number; readonly end: number };

/** Bytes that IC IVAU invalidates: CTR_EL0.IminLine of the modelled cores. */
export const CODE_LINE = 64;
/** Lines and ranges that are dropped one by one; with more, everything goes. */
const MOST_RANGES = 4096;

export class StaleCaches {
  private tlb = false;
  private code = false;
  /** Physical [start, end) by start, multiples of {@link CODE_LINE}. */
  private readonly ranges = new Map<number, number>();
  /** The range that was added to last. */
  private lastStart = 0;
  private lastEnd = 0;

  note(change: SharedChange): void {
    if (change.kind === 'tlb') this.tlb = true;
    else if (this.ranges.size >= MOST_RANGES) this.code = true;
    else if (change.kind === 'code range') this.add(change.start, change.end);
    else if (change.line === null) this.code = true;
    else this.add(change.line, change.line + CODE_LINE);
  }

  private add(start: number, end: number): void {
    // Line after line, as code is maintained, is one range.
    const from = start === this.lastEnd && this.ranges.has(this.lastStart) ? this.lastStart : start;
    this.ranges.set(from, Math.max(end, this.ranges.get(from) ?? 0));
    this.lastStart = from;
    this.lastEnd = end;
  }

  /**
   * Makes `engine` forget. Between slices only.
   * @param memory physical [start, end) of all memory whose code may have changed, each mapped in
   * one piece
   */
  drop(engine: CpuEngine, memory: readonly (readonly [start: number, end: number])[]): void {
    if (!this.tlb && !this.code && this.ranges.size === 0) return;
    // Not discardAllCode(), which touches all of the code buffer: 0.2 s, and its memory stays with
    // the process.
    if (this.code) engine.discardPhysicalCode(memory);
    else if (this.ranges.size > 0) engine.discardPhysicalCode(this.ranges);
    if (this.tlb) engine.flushTlb();
    this.ranges.clear();
    this.code = false;
    this.tlb = false;
  }
}
