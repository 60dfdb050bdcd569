// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interrupt inputs of a core: whether one is signalled and unmasked, and how far the core may run
 * while one waits to be unmasked.
 *
 * Most engines end a slice when an interrupt is unmasked (CpuEngine.watchMasks). The rest is for
 * engines that do not report it. A kernel may unmask interrupts for only a few instructions, as an
 * idle loop does. So a core with a pending interrupt runs one straight line of code at a time, up
 * to its branch. A core that spins with interrupts masked would be very slow like this. After a
 * while it runs freely in between, for varying lengths, so that no loop can hide its unmasking in
 * them for ever.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.6 (asynchronous exception types and masking).
 */

import { levelOf } from './exception-entry.ts';

/** PSTATE interrupt masks. */
const PSTATE_I = 1 << 7;
const PSTATE_F = 1 << 6;

/**
 * Number of lines of code that run one by one before the first free run, and between two later
 * ones.
 */
const PATIENT_LINES = 64;
const SAMPLED_LINES = 1;
/** Least length of a free run in instructions, and its variation. */
const FREE_RUN = 2_000;
const FREE_RUN_SPREAD = 997;
/**
 * Further lines one by one after WFI: a kernel that idles with interrupts masked unmasks them soon.
 */
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

  /** True while an interrupt is signalled, masked or not. */
  get pending(): boolean {
    return this.irq || this.fiq;
  }

  /**
   * Signalled interrupt that this PSTATE does not mask, FIQ first; null for none. Interrupts go to
   * EL1 here: higher levels mask them.
   */
  takeable(pstate: number): 'irq' | 'fiq' | null {
    if (levelOf(pstate) > 1) return null;
    if (this.fiq && (pstate & PSTATE_F) === 0) return 'fiq';
    return this.irq && (pstate & PSTATE_I) === 0 ? 'irq' : null;
  }

  /** True when no interrupt can be taken with this PSTATE. */
  allMasked(pstate: number): boolean {
    return levelOf(pstate) > 1 || ((pstate & PSTATE_I) !== 0 && (pstate & PSTATE_F) !== 0);
  }

  /** Restarts the count when an interrupt is taken. */
  taken(): void {
    this.linesRun = 0;
  }

  /** Notes that the core executed WFI. */
  noteWfi(): void {
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
   * Length of the next slice of a core with a pending interrupt; null: only the straight-line code
   * at PC.
   */
  freeRun(): number | null {
    this.linesRun++;
    if (this.linesRun <= PATIENT_LINES || this.linesRun % (SAMPLED_LINES + 1) !== 0) return null;
    return FREE_RUN + (this.linesRun % FREE_RUN_SPREAD);
  }
}
