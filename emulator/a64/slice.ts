// SPDX-License-Identifier: GPL-2.0-only
/**
 * The instructions that a core may execute before it goes back to the machine, counted by
 * WebAssembly in LAYOUT.left.
 *
 *     budget ─┬─ executed ─┬─ left ─┬─ set aside: WebAssembly comes back before them, and goes on
 */

import type { CoreStop } from '#emulator/cpu/machine-core.ts';
import { SliceOutcome } from '#emulator/cpu/slice-outcome.ts';
import type { CoreState } from './core-state.ts';
import { LAYOUT } from './layout.ts';

export class Slice {
  /** Why it ends. */
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

  /** Instructions that were executed so far, the one in progress included. */
  get executed(): number {
    return this.budget - this.left - this.aside;
  }

  /** Has WebAssembly come back when the instruction in progress is done; the slice goes on. */
  setAside(): void {
    this.aside += this.left;
    this.left = 0;
  }

  /** Has WebAssembly execute one instruction, and come back. */
  single(): void {
    this.aside += this.left - 1;
    this.left = 1;
  }

  /** Goes on with what was set aside. False when the slice is over. */
  goesOn(): boolean {
    this.left += this.aside;
    this.aside = 0;
    return this.left > 0;
  }

  /** The slice is over when the instruction in progress is done. */
  finish(): void {
    this.budget = this.executed;
    this.aside = 0;
    this.left = 0;
  }

  /** The slice is over, and the instruction in progress was not executed: it is the next again. */
  finishBefore(stop: CoreStop): void {
    this.end(stop);
    this.budget--;
  }

  end(stop: CoreStop): void {
    this.outcome.end(stop);
    if (this.isRunning) this.finish();
  }

  /** The instruction in progress cannot be fetched: what is taken instead is no instruction. */
  notExecuted(): void {
    this.left++;
  }

  /** It can after all; the slice may have been ended with it. */
  executedAfterAll(): void {
    if (this.left > 0) this.left--;
    else if (this.aside > 0) this.aside--;
    else this.budget++;
  }

  /**
   * Somebody looks at the instruction in progress, for whom it has not begun. True when he has
   * stopped the core: it does not happen.
   */
  stopsBefore(look: () => void): boolean {
    this.notExecuted();
    look();
    if (this.outcome.stop?.kind === 'stopped') return true;
    this.executedAfterAll();
    return false;
  }

  /** Time has moved on by `ticks` that were not executed: it ends as much earlier. */
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
