// SPDX-License-Identifier: GPL-2.0-only
/**
 * Waiting in WFI for an interrupt that is pending and masked, made short.
 *
 * Such a WFI is over at once, and a guest that does little else goes round and round. Nothing
 * changes for it before the next event. Where the code shows that it only goes round, it waits
 * until then; elsewhere each further WFI in close succession lasts twice as long, up to that event
 * or {@link LONGEST_WAIT}. A single one costs nothing.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.7.2 (Wait for Interrupt: when it ends is left open).
 */

/** Ticks between two that make them one wait. */
const CLOSE_SUCCESSION = 40;
/**
 * Ticks: how much later than at the first look the guest may see what is no event, input for
 * instance.
 */
const LONGEST_WAIT = 10_000_000;

/**
 * The last wait of a core: the tick at which it ends (null: never), and its length when it was one
 * of several.
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

  /** Cold reset. */
  reset(): void {
    this.waits = this.waits.map(() => NONE);
  }

  /**
   * `core` executes WFI at tick `now` with a masked interrupt pending, and no other core runs.
   * @param nextEvent tick, or Infinity @param inClosedLoop it will do nothing else before that
   */
  begin(core: number, now: number, nextEvent: number, inClosedLoop: boolean): void {
    this.waits = this.waits.with(core, inClosedLoop ? untilThen(nextEvent) : this.after(core, now, nextEvent));
  }

  /** The tick at which the wait of `core` ends or has ended, or Infinity. */
  end(core: number): number {
    return (this.waits[core] ?? NONE).end ?? Infinity;
  }

  /** `core` goes on at tick `now`, before its wait has ended: it has none any more. */
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
