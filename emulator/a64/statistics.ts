// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the own core did so far. Counts of instructions and of translations are the same on every
 * host; times are measured by a clock that the application gives, or not at all.
 */

export interface A64Statistics {
  /** Instructions since the cores were made: what a snapshot has behind it is not counted. */
  readonly executed: number;
  /** Those that were interpreted; all others were executed as translated code. */
  readonly interpreted: number;
  readonly translations: {
    readonly modules: number;
    readonly regions: number;
    /** Instructions in them. */
    readonly instructions: number;
    /** Regions that were given up: their code has changed, or the table was full. */
    readonly dropped: number;
  };
  /** Milliseconds; null without a clock. */
  readonly times: Times | null;
}

export interface Times {
  /** In all that WebAssembly calls, making code left out. */
  readonly outside: number;
  /** Making code. */
  readonly compiling: number;
  /** Running cores, all of the above included. */
  readonly running: number;
}

/** Milliseconds from any start. */
export type HostClock = () => number;

/** Sums what calls take, by kind. */
export class Stopwatch {
  private readonly now: HostClock;
  readonly times = { outside: 0, compiling: 0, running: 0 };

  constructor(now: HostClock) {
    this.now = now;
  }

  /** `call` as it is, timed. */
  timed<A extends readonly number[], R>(kind: keyof Times, call: (...args: A) => R): (...args: A) => R {
    const { now, times } = this;
    return (...args) => {
      const start = now();
      try {
        return call(...args);
      } finally {
        times[kind] += now() - start;
      }
    };
  }
}
