// SPDX-License-Identifier: GPL-2.0-only
export const OUTCOMES = ['steady', 'poweroff', 'panic', 'expected', 'limit', 'error'] as const;

/** The end of a run. */
export interface Outcome {
  readonly outcome: (typeof OUTCOMES)[number];
  /**
   * 0 steady state, power off or expected text · 1 panic, fail text or a guest that cannot go on ·
   * 3 a limit came first.
   */
  readonly exitStatus: 0 | 1 | 3;
  /** The panic's first line, `PANIC: …`, or null. */
  readonly panic: string | null;
  /** One clause for people: "reached its steady state". */
  readonly reason: string;
}
