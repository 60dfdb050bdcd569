// SPDX-License-Identifier: GPL-2.0-only
/**
 * Stale translations and code that a core still caches after a change by others, and that it must
 * drop before it runs on. A TLBI or IC of one core applies to all cores, and bytes that TypeScript
 * writes concern every core that has translated them.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.16 (TLB maintenance), D7.5 (instruction cache
 * maintenance).
 */

import type { CpuEngine } from '#emulator/engine/engine.ts';

/**
 * Scope of a TLBI: everything; the pages of an ASID; one page (its address / 4096, without the top
 * byte) for one ASID or all; the regime of one level.
 */
export type TlbScope =
  | { readonly kind: 'all' }
  | { readonly kind: 'asid'; readonly asid: number }
  | { readonly kind: 'page'; readonly page: number; readonly asid: number | null }
  | { readonly kind: 'level'; readonly level: 2 | 3 };

/**
 * Change by another core: a TLBI, of everything or of a scope; an IC, of one line of code (by
 * physical address) or of everything (null); or all lines of a range in one page.
 */
export type SharedChange =
  | { readonly kind: 'tlb'; readonly scope?: TlbScope }
  | { readonly kind: 'code'; readonly line: number | null }
  | { readonly kind: 'code range'; readonly start: number; readonly end: number };

/** Line size of IC IVAU in bytes: CTR_EL0.IminLine of the modelled cores. */
export const CODE_LINE = 64;
/** Most lines and ranges that are dropped one by one; with more, everything is dropped. */
const MOST_RANGES = 4096;

export class StaleCaches {
  private tlb = false;
  private code = false;
  /** Physical ranges by start, [start, end), multiples of {@link CODE_LINE}. */
  private readonly ranges = new Map<number, number>();
  /** Range that was extended last. */
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
    // Code is maintained line by line; consecutive lines are merged into one range.
    const from = start === this.lastEnd && this.ranges.has(this.lastStart) ? this.lastStart : start;
    this.ranges.set(from, Math.max(end, this.ranges.get(from) ?? 0));
    this.lastStart = from;
    this.lastEnd = end;
  }

  /**
   * Drops the stale state in `engine`. Between slices only.
   * @param memory physical [start, end) of all memory whose code may have changed, each mapped in
   * one piece
   */
  drop(engine: CpuEngine, memory: readonly (readonly [start: number, end: number])[]): void {
    if (!this.tlb && !this.code && this.ranges.size === 0) return;
    // discardAllCode() is too expensive here: it touches the whole code buffer (0.2 s), which then
    // stays resident.
    if (this.code) engine.discardPhysicalCode(memory);
    else if (this.ranges.size > 0) engine.discardPhysicalCode(this.ranges);
    if (this.tlb) engine.flushTlb();
    this.ranges.clear();
    this.code = false;
    this.tlb = false;
  }
}
