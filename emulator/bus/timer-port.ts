// SPDX-License-Identifier: GPL-2.0-only
/**
 * Port for waits of a device: the only way in which a device runs without being accessed.
 *
 *     device ── after(ns, callback) ──► machine ──(simulated time reaches now + ns)──► callback
 *
 * The machine implements it with its clock. Devices read the time itself from
 * `DeviceContext.nowNs`.
 */

/**
 * End of a wait: the tick, and the order among waits that end at the same tick. Plain data, for a
 * snapshot.
 */
export type Deadline = {
  readonly tick: number;
  readonly order: number;
};

/** Wait that can be cancelled. */
export interface PendingTimer {
  /** End of the wait. */
  readonly deadline: Deadline;
  /**
   * Cancels the wait: the callback will not be called. No effect when it was already called or
   * cancelled.
   */
  cancel(): void;
}

/** Waits in simulated time. */
export interface TimerPort {
  /**
   * Calls `callback` once, `ns` simulated nanoseconds from now (not negative, not necessarily
   * whole). The call may come later than requested, by up to one slice of the machine, but never
   * earlier than `ns` rounded down. Code that counts in another unit must check the time again and
   * wait for the rest. Waits that end at the same time end in the order in which they began.
   */
  after(ns: number, callback: () => void): PendingTimer;
  /**
   * Resumes, in a restored machine, the wait that had this `deadline` when the machine was saved.
   */
  resume(deadline: Deadline, callback: () => void): PendingTimer;
}

/** Port whose waits never end: for a machine that does not run in time. */
export const NO_TIMERS: TimerPort = {
  after: () => NEVER,
  resume: () => NEVER,
};

const NEVER: PendingTimer = { deadline: { tick: Infinity, order: 0 }, cancel: () => {} };
