// SPDX-License-Identifier: GPL-2.0-only
/**
 * The interrupt inputs of a core: which is signalled, whether PSTATE lets it be taken now, and how
 * far the core may run while one waits for its mask to be lifted.
 *
 * Most engines end a slice when a mask is lifted (CpuEngine.watchMasks). The rest is for one that
 * does not report it, and a kernel may lift it for a few instructions only: an idle loop does. So a
 * core with a waiting interrupt runs one straight line of code at a time. A core that spins with
 * interrupts masked would crawl like that: after a while it is let run in between, for lengths that
 * vary so that no loop can hide its unmasking in them for ever.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.6 (asynchronous exception types and masking).
 */

import { levelOf } from './exception-entry.ts';

/** PSTATE interrupt masks. */
const PSTATE_I = 1 << 7;
const PSTATE_F = 1 << 6;

/**
 * Lines that are run one by one before the core is let run in between, and how many between two
 * such runs.
 */
const PATIENT_LINES = 64;
const SAMPLED_LINES = 1;
/** Least length of a free run, instructions, and how much more it may be. */
const FREE_RUN = 2_000;
const FREE_RUN_SPREAD = 997;
/** Lines on top after WFI: a kernel that idles with interrupts masked unmasks them soon. */
const IDLE_LINES = 2_000;

export class InterruptLines {
  private irq = false;
  private fiq = false;
  /** Lines run one by one since an interrupt began to wait. */
  private linesRun = 0;

  /** Sets both lines; returns true when one rises. */
  set(irq: boolean, fiq: boolean): boolean {
    const rises = (irq && !this.irq) || (fiq && !this.fiq);
    this.irq = irq;
    this.fiq = fiq;
    return rises;
  }

  /** An interrupt is signalled, masked or not. */
  get pending(): boolean {
    return this.irq || this.fiq;
  }

  /**
   * The interrupt that is signalled and that this PSTATE does not mask, FIQ first. Interrupts go to
   * EL1 here: the levels above mask them.
   */
  takeable(pstate: number): 'irq' | 'fiq' | null {
    if (levelOf(pstate) > 1) return null;
    if (this.fiq && (pstate & PSTATE_F) === 0) return 'fiq';
    return this.irq && (pstate & PSTATE_I) === 0 ? 'irq' : null;
  }

  /** Neither can be taken. */
  allMasked(pstate: number): boolean {
    return levelOf(pstate) > 1 || ((pstate & PSTATE_I) !== 0 && (pstate & PSTATE_F) !== 0);
  }

  /** One was taken: the next begins to wait afresh. */
  taken(): void {
    this.linesRun = 0;
  }

  /** The core executed WFI. */
  waited(): void {
    this.linesRun = -IDLE_LINES;
  }

  saveState() {
    return { irq: this.irq, fiq: this.fiq, linesRun: this.linesRun };
  }

  restoreState({ irq, fiq, linesRun }: ReturnType<InterruptLines['saveState']>): void {
    this.irq = irq;
    this.fiq = fiq;
    this.linesRun = linesRun;
  }

  /**
   * Most instructions for the next slice of a core with a waiting interrupt, or null: the straight
   * line at PC and no further.
   */
  freeRun(): number | null {
    this.linesRun++;
    if (this.linesRun <= PATIENT_LINES || this.linesRun % (SAMPLED_LINES + 1) !== 0) return null;
    return FREE_RUN + (this.linesRun % FREE_RUN_SPREAD);
  }
}
