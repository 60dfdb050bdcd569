// SPDX-License-Identifier: GPL-2.0-only
/**
 * Waiting by polling a counter, made short.
 *
 * A guest that reads a counter over and over waits for a time to come. Every read comes to
 * TypeScript, which makes such a loop hundreds of times slower than others, so time moves on under
 * it: by twice as much with each read in close succession, up to {@link LONGEST_JUMP} ticks. A read
 * on its own costs nothing.
 */

import type { Clock } from '#emulator/timer/clock.ts';

/** Ticks between two reads of a counter that make them one wait. */
const CLOSE_SUCCESSION = 40;
/** Most ticks that time jumps at a read in a wait: how much later than asked it may end. */
const LONGEST_JUMP = 4096;

export class CounterWaits {
  private readonly clock: Clock;
  /** The last read: its tick, and how far time jumped then. */
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

  /** A counter is about to be read. Returns the ticks by which time has jumped. */
  read(): number {
    const { clock } = this;
    const isClose = clock.ticks - this.lastRead <= CLOSE_SUCCESSION;
    this.jump = isClose ? Math.min(2 * this.jump + 1, LONGEST_JUMP) : 0;
    clock.idleTicks += this.jump;
    this.lastRead = clock.ticks;
    return this.jump;
  }
}
