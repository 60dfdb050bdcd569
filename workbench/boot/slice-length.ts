// SPDX-License-Identifier: GPL-2.0-only
/**
 * Chooses how many instructions a machine runs between two looks at the keyboard, so that a person
 * does not wait: a guest that polls its UART or reads a clock is a hundred times slower than one
 * that computes. For interactive use only: the end of a slice decides which core runs next, and
 * real time must not decide that.
 */

/** Desired duration of a slice, milliseconds: that of a frame on the screen. */
const WANTED_MS = 20;
const LEAST = 10_000;

export class SliceLength {
  /** Instructions of the next slice. */
  instructions = LEAST;
  private readonly most: number;

  /** @param most instructions of the longest slice */
  constructor(most: number) {
    this.most = most;
  }

  /**
   * Doubles or shrinks the next slice, after a slice of `instructions` that took `ms`. A slice that
   * ended early says nothing about a longer one.
   */
  took(ms: number): void {
    const next = ms > WANTED_MS ? this.instructions * (WANTED_MS / ms) : ms < WANTED_MS / 2 ? 2 * this.instructions : 0;
    if (next > 0) this.instructions = Math.round(Math.min(this.most, Math.max(LEAST, next)));
  }
}
