// SPDX-License-Identifier: GPL-2.0-only
/**
 * Software-generated interrupts of a GICv2. They are pending per target and per source, so a core
 * that gets the same SGI from two others takes it twice, once with each CPUID.
 *
 *     sources[target * 16 + INTID]: bit n = core n has sent it and it has not been taken
 *
 * Invariant: the interrupt's latch is set exactly when a source is.
 *
 * Specification: IHI 0048, 3.2.4 (SGIs), 4.3.15 GICD_SGIR, 4.3.16 GICD_CPENDSGIR, 4.3.17
 * GICD_SPENDSGIR.
 */

import type { InterruptState } from './interrupt-state.ts';
import { lowestBit } from './ready-set.ts';

const SGIS = 16;

export class GicV2Sgis {
  private readonly state: InterruptState;
  private readonly sourceMasks: Uint8Array;

  constructor(state: InterruptState) {
    this.state = state;
    this.sourceMasks = new Uint8Array(state.cpus * SGIS);
  }

  reset(): void {
    this.sourceMasks.fill(0);
  }

  saveState(): number[] {
    return [...this.sourceMasks];
  }

  restoreState(sources: readonly number[]): void {
    this.sourceMasks.set(sources);
  }

  /** Sources for which `intid` is pending at `target`: bit n for core n. */
  sources(target: number, intid: number): number {
    return this.sourceMasks[target * SGIS + intid]!;
  }

  /** Sets the sources; those of absent cores are dropped. */
  setSources(target: number, intid: number, sources: number): void {
    const present = sources & (2 ** this.state.cpus - 1);
    this.sourceMasks[target * SGIS + intid] = present;
    this.state.writeBit('latched', this.state.slot(target, intid), present !== 0);
  }

  /** Makes `intid` pending for each core in `targets`. */
  send(source: number, targets: number, intid: number): void {
    for (let rest = targets & (2 ** this.state.cpus - 1); rest !== 0; rest &= rest - 1) {
      const target = lowestBit(rest);
      this.setSources(target, intid, this.sources(target, intid) | (1 << source));
    }
  }

  /**
   * Lowest source of an SGI that `target` has just acknowledged, removed; the others stay pending.
   */
  acknowledge(target: number, intid: number): number {
    const sources = this.sources(target, intid);
    const source = lowestBit(sources);
    this.setSources(target, intid, sources & (sources - 1));
    return source;
  }
}
