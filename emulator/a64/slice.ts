// SPDX-License-Identifier: GPL-2.0-only
/**
 * Slice: the instructions that a core may execute before it returns to the machine. WebAssembly
 * counts them in LAYOUT.left.
 *
 *     budget ─┬─ executed ─┬─ left ─┬─ set aside: WebAssembly comes back before them, and goes on
 */

import type { CoreStop } from '#emulator/cpu/machine-core.ts';
import { SliceOutcome } from '#emulator/cpu/slice-outcome.ts';
import type { CoreState } from './core-state.ts';
import { LAYOUT } from './layout.ts';

export class Slice {
  /** Reason for its end. */
  readonly outcome = new SliceOutcome();
  isRunning = false;
  private readonly state: CoreState;
  private budget = 0;
  private aside = 0;

  constructor(state: CoreState) {
    this.state = state;
  }

  begin(count: number): void {
    this.outcome.begin();
    this.isRunning = true;
    this.budget = count;
    this.aside = 0;
    this.left = count;
  }

  /** Number of instructions executed so far, the one in progress included. */
  get executed(): number {
    return this.budget - this.left - this.aside;
  }

  /** Makes WebAssembly return after the instruction in progress; the slice continues then. */
  setAside(): void {
    this.aside += this.left;
    this.left = 0;
  }

  /** Makes WebAssembly execute one instruction and return. */
  single(): void {
    this.aside += this.left - 1;
    this.left = 1;
  }

  /** Resumes the instructions that were set aside. Returns false when the slice is over. */
  resume(): boolean {
    this.left += this.aside;
    this.aside = 0;
    return this.left > 0;
  }

  /** Ends the slice after the instruction in progress. */
  finish(): void {
    this.budget = this.executed;
    this.aside = 0;
    this.left = 0;
  }

  /** Ends the slice before the instruction in progress, which is executed next time. */
  finishBefore(stop: CoreStop): void {
    this.end(stop);
    this.budget--;
  }

  end(stop: CoreStop): void {
    this.outcome.end(stop);
    if (this.isRunning) this.finish();
  }

  /** Takes back the count of the instruction in progress: it is not executed, or not yet. */
  notExecuted(): void {
    this.left++;
  }

  /** Counts it again. The slice may have been ended in between. */
  executedAfterAll(): void {
    if (this.left > 0) this.left--;
    else if (this.aside > 0) this.aside--;
    else this.budget++;
  }

  /**
   * Runs `look` before the instruction in progress counts as begun. Returns true when `look` has
   * stopped the core: the instruction is not executed.
   */
  stopsBefore(look: () => void): boolean {
    this.notExecuted();
    look();
    if (this.outcome.stop?.kind === 'stopped') return true;
    this.executedAfterAll();
    return false;
  }

  /** Shortens the slice by `ticks` of time that passed without instructions. */
  shorten(ticks: number): void {
    const passed = Math.min(ticks, this.left);
    this.budget -= passed;
    this.left -= passed;
  }

  private get left(): number {
    return this.state.word(LAYOUT.left);
  }

  private set left(count: number) {
    this.state.setWord(LAYOUT.left, count);
  }
}
