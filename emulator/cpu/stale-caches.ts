/**
 * What a core still caches of translations and code that have changed, until it is dropped before the core runs on. TLBI and IC of one core concern all of
 * them, and bytes that TypeScript writes concern every core that has translated them.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.16 (TLB maintenance), D7.5 (instruction cache maintenance).
 */

import type { CpuEngine } from '../engine/engine.ts';
import { SYSTEM_REGISTERS } from '../engine/system-registers.ts';

/** A TLBI, or an IC of one line of code (its physical address) or of everything (null), or of every line of a range in one page. */
export type SharedChange =
  | { readonly kind: 'tlb' }
  | { readonly kind: 'code'; readonly line: number | null }
  | { readonly kind: 'code range'; readonly start: number; readonly end: number };

/** Bytes that IC IVAU invalidates: CTR_EL0.IminLine of the modelled cores. */
export const CODE_LINE = 64;
/** Lines and ranges that are dropped one by one; with more, everything goes. */
const MOST_RANGES = 4096;
const PSTATE_EL3H = 0x3cd;

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
   * @param memory physical [start, end) of all memory whose code may have changed, each mapped in one piece
   */
  drop(engine: CpuEngine, memory: readonly (readonly [start: number, end: number])[]): void {
    if (!this.tlb && !this.code && this.ranges.size === 0) return;
    // Not discardAllCode(), which touches all of the code buffer: 0.2 s, and its memory stays with the process.
    if (this.code) dropRanges(engine, memory);
    else if (this.ranges.size > 0) dropRanges(engine, this.ranges);
    if (this.tlb) engine.flushTlb();
    this.ranges.clear();
    this.code = false;
    this.tlb = false;
  }
}

/** Physical ranges are addresses as the core sees them only where nothing is translated: at EL3, whose MMU is off. */
function dropRanges(engine: CpuEngine, ranges: Iterable<readonly [start: number, end: number]>): void {
  const pstate = engine.getPstate();
  setLevel(engine, PSTATE_EL3H);
  for (const [start, end] of ranges) engine.discardCode(start, end);
  setLevel(engine, pstate);
}

/** Writes PSTATE without moving stack pointers, and makes the engine notice by a system register write. */
function setLevel(engine: CpuEngine, pstate: number): void {
  engine.setPstate(pstate);
  engine.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, engine.getSystemRegister(SYSTEM_REGISTERS.SCR_EL3) ?? 0n);
}
