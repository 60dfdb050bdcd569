// SPDX-License-Identifier: GPL-2.0-only
/**
 * Queue of events that are due at a known simulated time: timer expiries, device delays. The
 * machine runs cores up to the next event, never past it by more than the instruction in progress.
 *
 * Events at the same tick happen in the order in which they were scheduled, so every run is the
 * same.
 *
 * Invariant: `heap` is a binary min-heap by (tick, order).
 */

import type { Deadline } from '#emulator/bus/timer-port.ts';

/** Scheduled event. */
export interface ScheduledEvent {
  readonly deadline: Deadline;
  /** Cancels the event. No effect when it has happened. */
  cancel(): void;
}

interface Entry {
  readonly tick: number;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

export class EventQueue {
  /** Called with the tick of each event when it is scheduled. */
  onScheduled: (tick: number) => void = () => {};
  private readonly heap: Entry[] = [];
  private made = 0;

  /**
   * Calls `action` when the clock reaches `tick`; at the next opportunity when that tick has
   * passed. O(log n).
   */
  at(tick: number, action: () => void): ScheduledEvent {
    return this.resume({ tick, order: this.made++ }, action);
  }

  /** Schedules an event of a machine that was saved, for its deadline there. O(log n). */
  resume(deadline: Deadline, action: () => void): ScheduledEvent {
    const entry: Entry = { ...deadline, action, cancelled: false };
    this.heap.push(entry);
    this.siftUp(this.heap.length - 1);
    this.onScheduled(deadline.tick);
    return {
      deadline,
      cancel: () => {
        entry.cancelled = true;
      },
    };
  }

  /** Tick of the next event, or Infinity. Amortised O(log n). */
  get nextTick(): number {
    while (this.heap[0]?.cancelled === true) this.pop();
    return this.heap[0]?.tick ?? Infinity;
  }

  /** Runs all events due at `now`, including those that they schedule for `now`. */
  runDue(now: number): void {
    while (this.nextTick <= now) this.pop()?.action();
  }

  /** Removes all events, at a reset. */
  clear(): void {
    this.heap.length = 0;
  }

  /** Number of events made so far. Their owners save the events themselves. */
  saveState(): number {
    return this.made;
  }

  /** Restores no events: each owner resumes its own. */
  restoreState(made: number): void {
    this.clear();
    this.made = made;
  }

  private pop(): Entry | undefined {
    const { heap } = this;
    const first = heap[0];
    const last = heap.pop();
    if (first !== undefined && last !== undefined && heap.length > 0) {
      heap[0] = last;
      this.siftDown();
    }
    return first;
  }

  private siftUp(start: number): void {
    const { heap } = this;
    let at = start;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!this.before(at, parent)) return;
      [heap[at], heap[parent]] = [heap[parent] as Entry, heap[at] as Entry];
      at = parent;
    }
  }

  private siftDown(): void {
    const { heap } = this;
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      let least = at;
      if (left < heap.length && this.before(left, least)) least = left;
      if (left + 1 < heap.length && this.before(left + 1, least)) least = left + 1;
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least] as Entry, heap[at] as Entry];
      at = least;
    }
  }

  private before(a: number, b: number): boolean {
    const [first, second] = [this.heap[a] as Entry, this.heap[b] as Entry];
    return first.tick < second.tick || (first.tick === second.tick && first.order < second.order);
  }
}
