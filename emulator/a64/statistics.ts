// SPDX-License-Identifier: GPL-2.0-only
/**
 * Statistics of the own core. Counts of instructions and of translations are the same on every
 * host; times are measured by a clock that the application gives, or not at all.
 */

export interface A64Statistics {
  /**
   * Instructions executed since the cores were made; those before a restored snapshot do not count.
   */
  readonly executed: number;
  /** Interpreted instructions; all others were executed as translated code. */
  readonly interpreted: number;
  readonly translations: {
    readonly modules: number;
    readonly regions: number;
    /** Instructions in the translated regions. */
    readonly instructions: number;
    /** Regions discarded because their code changed, or because the table was full. */
    readonly dropped: number;
  };
  /** Times in milliseconds; null without a clock. */
  readonly times: Times | null;
}

export interface Times {
  /** In functions that WebAssembly calls, without compilation. */
  readonly outside: number;
  /** In compilation. */
  readonly compiling: number;
  /** In running cores, all of the above included. */
  readonly running: number;
}

/** Milliseconds since any fixed moment. */
export type HostClock = () => number;

/** Sums the time that calls take, by kind. */
export class Stopwatch {
  private readonly now: HostClock;
  readonly times = { outside: 0, compiling: 0, running: 0 };

  constructor(now: HostClock) {
    this.now = now;
  }

  /** Wraps `call` so that its time is measured. */
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
