/**
 * What a core still caches of translations and code that have changed, until it is dropped before the core runs on. TLBI and IC of one core concern all of
 * them, and bytes that TypeScript writes concern every core that has translated them.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.16 (TLB maintenance), D7.5 (instruction cache maintenance).
 */

import type { CpuEngine } from '../engine/engine.ts';
import { SYSTEM_REGISTERS } from '../engine/system-registers.ts';

/** A TLBI, or an IC of one line of code (its physical address) or of everything (null). */
export type SharedChange = { readonly kind: 'tlb' } | { readonly kind: 'code'; readonly line: number | null };

/** Bytes that IC IVAU invalidates: CTR_EL0.IminLine of the modelled cores. */
export const CODE_LINE = 64;
/** Lines that are dropped one by one; with more, everything goes. */
const MOST_LINES = 4096;
const PSTATE_EL3H = 0x3cd;

export class StaleCaches {
  private tlb = false;
  private code = false;
  /** Physical addresses, multiples of {@link CODE_LINE}. */
  private readonly lines = new Set<number>();

  note(change: SharedChange): void {
    if (change.kind === 'tlb') this.tlb = true;
    else if (change.line === null || this.lines.size >= MOST_LINES) this.code = true;
    else this.lines.add(change.line);
  }

  /** Makes `engine` forget. Between slices only. */
  drop(engine: CpuEngine): void {
    if (!this.tlb && !this.code && this.lines.size === 0) return;
    if (this.code) engine.discardAllCode();
    else if (this.lines.size > 0) this.dropLines(engine);
    if (this.tlb) engine.flushTlb();
    this.lines.clear();
    this.code = false;
    this.tlb = false;
  }

  /** Physical lines are addresses as the core sees them only where nothing is translated: at EL3, whose MMU is off. */
  private dropLines(engine: CpuEngine): void {
    const pstate = engine.getPstate();
    setLevel(engine, PSTATE_EL3H);
    for (const line of this.lines) engine.discardCode(line, line + CODE_LINE);
    setLevel(engine, pstate);
  }
}

/** Writes PSTATE without moving stack pointers, and makes the engine notice by a system register write. */
function setLevel(engine: CpuEngine, pstate: number): void {
  engine.setPstate(pstate);
  engine.setSystemRegister(SYSTEM_REGISTERS.SCR_EL3, engine.getSystemRegister(SYSTEM_REGISTERS.SCR_EL3) ?? 0n);
}
