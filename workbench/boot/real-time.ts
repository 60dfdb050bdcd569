// SPDX-License-Identifier: GPL-2.0-only
/** Real time between two slices of a machine: naps, and the pace of simulated time. */

/** A sleep that ends early when something happens. */
export class Nap {
  /** Ends the present sleep. */
  wake: () => void = () => {};

  /** Sleeps for `ms`; Infinity: until {@link wake}. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(resolve, ms);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/**
 * Keeps simulated time from running ahead of real time: sleep takes real time, computation runs as
 * fast as it can.
 */
export class Pace {
  private from: { readonly real: number; readonly simulated: number } | null = null;

  /** Measures from the next call of {@link aheadMs} on. */
  forget(): void {
    this.from = null;
  }

  /** Milliseconds by which simulated time is ahead. */
  aheadMs(nowNs: number): number {
    const [real, simulated] = [performance.now(), nowNs / 1e6];
    this.from ??= { real, simulated };
    const ahead = simulated - this.from.simulated - (real - this.from.real);
    // Starts the pace anew when the machine has fallen behind, or a restart went back in time.
    if (ahead < 0) this.from = { real, simulated };
    return Math.max(0, ahead);
  }
}
