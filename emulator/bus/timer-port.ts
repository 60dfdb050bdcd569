// SPDX-License-Identifier: GPL-2.0-only
/**
 * How a device waits: the only way in which a device comes back to life without being accessed.
 *
 *     device ── after(ns, callback) ──► machine ──(simulated time reaches now + ns)──► callback
 *
 * The machine provides it from its clock. It is not a clock: a device reads time from
 * `DeviceContext.nowNs`.
 */

/**
 * When a wait ends: the tick of the clock, and its place among those that end at the same tick.
 * Plain data, for a snapshot.
 */
export type Deadline = {
  readonly tick: number;
  readonly order: number;
};

/** A wait that can be given up. */
export interface PendingTimer {
  /** When it ends. */
  readonly deadline: Deadline;
  /** The callback will not be called. No effect when it was called or cancelled already. */
  cancel(): void;
}

/** Waiting in simulated time. */
export interface TimerPort {
  /**
   * Calls `callback` once, `ns` simulated nanoseconds from now (not negative, not necessarily
   * whole). It may come later than asked, by up to the machine's slice, never earlier than the
   * nanosecond below: who counts in another unit asks the time again and waits for the rest. Waits
   * that end at the same time end in the order in which they began.
   */
  after(ns: number, callback: () => void): PendingTimer;
  /**
   * The wait that ended at `deadline` in a machine that was saved, in the one that goes on from
   * there.
   */
  resume(deadline: Deadline, callback: () => void): PendingTimer;
}

/** A port on which nothing ever ends: for a machine that does not run in time. */
export const NO_TIMERS: TimerPort = {
  after: () => NEVER,
  resume: () => NEVER,
};

const NEVER: PendingTimer = { deadline: { tick: Infinity, order: 0 }, cancel: () => {} };
