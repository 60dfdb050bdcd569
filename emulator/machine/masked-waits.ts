// SPDX-License-Identifier: GPL-2.0-only
/**
 * Shortens waits in WFI while an interrupt is pending and masked.
 *
 * Such a WFI ends at once, so a guest that does little else loops through it. Nothing changes for
 * it before the next event. If the code is a closed loop, the wait lasts until that event.
 * Otherwise each further WFI in close succession lasts twice as long, up to that event or {@link
 * LONGEST_WAIT}. A single one costs nothing.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.7.2 (Wait for Interrupt; its end is IMPLEMENTATION
 * DEFINED).
 */

/** Most ticks between two WFIs of the same wait. */
const CLOSE_SUCCESSION = 40;
/**
 * Longest wait in ticks: the delay with which the guest may notice a change that is not an event,
 * for instance input.
 */
const LONGEST_WAIT = 10_000_000;

/**
 * Last wait of a core: the tick at which it ends (null: never), and its length as one of several in
 * succession.
 */
interface MaskedWait {
  readonly end: number | null;
  readonly ticks: number;
}

const NONE: MaskedWait = { end: 0, ticks: 0 };

export class MaskedWaits {
  private waits: readonly MaskedWait[];

  constructor(cores: number) {
    this.waits = Array.from({ length: cores }, () => NONE);
  }

  /** Forgets all waits, at a cold reset. */
  reset(): void {
    this.waits = this.waits.map(() => NONE);
  }

  /**
   * `core` executes WFI at tick `now` with a masked interrupt pending, and no other core runs.
   * @param nextEvent tick of the next event, or Infinity
   * @param inClosedLoop true when the core does nothing else before that event
   */
  begin(core: number, now: number, nextEvent: number, inClosedLoop: boolean): void {
    this.waits = this.waits.with(core, inClosedLoop ? untilThen(nextEvent) : this.after(core, now, nextEvent));
  }

  /** Tick at which the wait of `core` ends or has ended, or Infinity. */
  end(core: number): number {
    return (this.waits[core] ?? NONE).end ?? Infinity;
  }

  /** Ends the wait of `core`, which continues at tick `now`. */
  woken(core: number, now: number): void {
    this.waits = this.waits.with(core, { end: now, ticks: 0 });
  }

  saveState() {
    return this.waits.map(({ end, ticks }) => ({ end, ticks }));
  }

  restoreState(waits: ReturnType<MaskedWaits['saveState']>): void {
    this.waits = waits;
  }

  private after(core: number, now: number, nextEvent: number): MaskedWait {
    const { ticks } = this.waits[core] ?? NONE;
    const isClose = Math.abs(now - this.end(core)) <= CLOSE_SUCCESSION;
    const wait = isClose ? Math.min(2 * ticks + 1, LONGEST_WAIT, nextEvent - now) : 0;
    return { end: now + wait, ticks: wait };
  }
}

const untilThen = (tick: number): MaskedWait => ({ end: tick === Infinity ? null : tick, ticks: 0 });
