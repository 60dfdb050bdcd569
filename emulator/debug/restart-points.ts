// SPDX-License-Identifier: GPL-2.0-only
/**
 * Points in a machine's past from which it can be executed again: its reset, and checkpoints.
 *
 *     reset ──────┬──────────┬──────────┬────► now          `begin` of each makes the machine anew as it was there
 *                 1          2          3
 *
 * When there are too many, every second one is dropped, and later ones are taken half as often. So
 * going back executes at most a fixed fraction of the past.
 */

/** Point from which to execute again. `M` is the type of machine. */
export interface RestartPoint<M> {
  /** Instructions that had been executed at the point. */
  readonly instructions: number;
  /** Number of entries of the history (history.ts) before the point. */
  readonly entries: number;
  readonly begin: () => M;
}

/**
 * Most points besides the reset. In the worst case each costs a full copy of the guest's memory.
 */
const MOST_POINTS = 16;

export class RestartPoints<M> {
  private readonly reset: RestartPoint<M>;
  private points: RestartPoint<M>[] = [];
  private interval: number;

  /** @param interval instructions between two points, initially */
  constructor(begin: () => M, interval: number) {
    this.reset = { instructions: 0, entries: 0, begin };
    this.interval = interval;
  }

  /** True when the last point is far enough back. */
  isDue(instructions: number): boolean {
    return instructions - (this.points.at(-1) ?? this.reset).instructions >= this.interval;
  }

  /** Adds a point after the others. */
  add(point: RestartPoint<M>): void {
    this.points.push(point);
    if (this.points.length <= MOST_POINTS) return;
    this.points = this.points.filter((_, index) => index % 2 === 1);
    this.interval *= 2;
  }

  /**
   * Last point before that instruction count. A point exactly there does not count: the machine may
   * have slept there for a while, and going back leads to its arrival. For instruction 0, the
   * reset.
   */
  before(instructions: number): RestartPoint<M> {
    return this.points.findLast((point) => point.instructions < instructions) ?? this.reset;
  }

  /**
   * Drops the points from that instruction count on: the machine was taken back there, and may now
   * continue differently.
   */
  forgetFrom(instructions: number): void {
    this.points = this.points.filter((point) => point.instructions < instructions);
  }
}
