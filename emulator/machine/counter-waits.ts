// SPDX-License-Identifier: GPL-2.0-only
/**
 * Shortens waits that poll a counter.
 *
 * A guest that reads a counter over and over waits for a time to come. Every read goes to
 * TypeScript, which makes such a loop hundreds of times slower than others. So simulated time is
 * advanced at each read: by twice as much for each further read in close succession, up to {@link
 * LONGEST_JUMP} ticks. A single read advances nothing.
 */

import type { Clock } from '#emulator/timer/clock.ts';

/** Most ticks between two reads of the same wait. */
const CLOSE_SUCCESSION = 40;
/** Longest jump at one read in ticks: the wait may end this much later than requested. */
const LONGEST_JUMP = 4096;

export class CounterWaits {
  private readonly clock: Clock;
  /** Tick of the last read, and the jump at it. */
  private lastRead = 0;
  private jump = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  saveState() {
    return { lastRead: this.lastRead, jump: this.jump };
  }

  restoreState({ lastRead, jump }: ReturnType<CounterWaits['saveState']>): void {
    this.lastRead = lastRead;
    this.jump = jump;
  }

  /** Called before a counter is read. Returns the number of ticks by which time has jumped. */
  read(): number {
    const { clock } = this;
    const isClose = clock.ticks - this.lastRead <= CLOSE_SUCCESSION;
    this.jump = isClose ? Math.min(2 * this.jump + 1, LONGEST_JUMP) : 0;
    clock.idleTicks += this.jump;
    this.lastRead = clock.ticks;
    return this.jump;
  }
}
