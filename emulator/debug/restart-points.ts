// SPDX-License-Identifier: GPL-2.0-only
/**
 * The points in a machine's life from which it can be executed again: its reset, and checkpoints on
 * the way.
 *
 *     reset ──────┬──────────┬──────────┬────► now          `begin` of each makes the machine anew as it was there
 *                 1          2          3
 *
 * When there are too many, every second one is given up, and the next ones are taken half as often:
 * the way back is at most a fixed part of the life.
 */

/** One of the points. `M` is the machine that is made. */
export interface RestartPoint<M> {
  /** Instructions that had been executed. */
  readonly instructions: number;
  /** Number of entries of the history (history.ts) before it. */
  readonly entries: number;
  readonly begin: () => M;
}

/**
 * Most points besides the reset: the memory of a guest that changes all of it all the time, so many
 * times.
 */
const MOST_POINTS = 16;

export class RestartPoints<M> {
  private readonly reset: RestartPoint<M>;
  private points: RestartPoint<M>[] = [];
  private interval: number;

  /** @param interval instructions between two points, while there are few */
  constructor(begin: () => M, interval: number) {
    this.reset = { instructions: 0, entries: 0, begin };
    this.interval = interval;
  }

  /** True when the last point lies far enough back. */
  isDue(instructions: number): boolean {
    return instructions - (this.points.at(-1) ?? this.reset).instructions >= this.interval;
  }

  /** Adds one behind those that there are. */
  add(point: RestartPoint<M>): void {
    this.points.push(point);
    if (this.points.length <= MOST_POINTS) return;
    this.points = this.points.filter((_, index) => index % 2 === 1);
    this.interval *= 2;
  }

  /**
   * The last point before that instruction. Not one at it: the machine may have slept there for a
   * while, and the way back leads to its arrival. Instruction 0 is the reset's.
   */
  before(instructions: number): RestartPoint<M> {
    return this.points.findLast((point) => point.instructions < instructions) ?? this.reset;
  }

  /** The machine is taken back to that instruction: what follows may be another life. */
  forgetFrom(instructions: number): void {
    this.points = this.points.filter((point) => point.instructions < instructions);
  }
}
