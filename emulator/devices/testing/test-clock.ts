// SPDX-License-Identifier: GPL-2.0-only
/**
 * Simulated time for the tests of this folder: a context whose clock the test advances, with its
 * timer port.
 */

import type { Deadline, PendingTimer, TimerPort } from '#emulator/bus/timer-port.ts';
import { RecordingContext } from './test-context.ts';

interface Waiting {
  readonly atNs: number;
  readonly callback: () => void;
}

/** Context whose time stands still until `advance` moves it. */
export class TimedContext extends RecordingContext implements TimerPort {
  private currentNs = 0;
  private readonly waiting = new Set<Waiting>();

  override nowNs(): number {
    return Math.floor(this.currentNs);
  }

  after(ns: number, callback: () => void): PendingTimer {
    return this.resume({ tick: this.currentNs + ns, order: 0 }, callback);
  }

  /** Ticks are nanoseconds here; waits that end together end in the order in which they began. */
  resume(deadline: Deadline, callback: () => void): PendingTimer {
    const entry = { atNs: deadline.tick, callback };
    this.waiting.add(entry);
    return { deadline, cancel: () => this.waiting.delete(entry) };
  }

  /** Number of waits that have neither ended nor been cancelled. */
  get pendingTimers(): number {
    return this.waiting.size;
  }

  /** Advances time by `ns`; each wait that ends on the way is called at its own time. */
  advance(ns: number): void {
    const end = this.currentNs + ns;
    for (;;) {
      const due = [...this.waiting].filter(({ atNs }) => atNs <= end).sort((a, b) => a.atNs - b.atNs)[0];
      if (due === undefined) break;
      this.waiting.delete(due);
      this.currentNs = Math.max(this.currentNs, due.atNs);
      due.callback();
    }
    this.currentNs = end;
  }
}
