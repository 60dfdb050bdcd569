// SPDX-License-Identifier: GPL-2.0-only
/**
 * Simulated time: the only clock of a machine.
 *
 * It counts ticks. An executed instruction is one tick. A port access of a kernel in TypeScript is
 * charged {@link PORT_ACCESS_TICKS}, about as much as compiled code needs for it. A fixed rate
 * converts ticks to nanoseconds. Time in which every core sleeps, and time for which a guest polls
 * a counter, passes as idle ticks. Nothing else advances the clock, so equal inputs give equal
 * times.
 */

/**
 * Ticks charged for a port access (8 bytes moved, or a register): address generation, the access,
 * and a use of its result.
 */
export const PORT_ACCESS_TICKS = 4;

const NS_PER_SECOND = 1_000_000_000;

export class Clock {
  /** Ticks per second, an integer: the core's instruction rate. */
  readonly frequencyHz: number;
  /**
   * Instructions retired. Inside a slice, the running core adds those executed so far, see `now`.
   */
  instructions = 0;
  /** Number of port accesses charged. */
  portAccesses = 0;
  /** Ticks that passed with every core asleep. */
  idleTicks = 0;
  /** Instructions of the running slice. */
  private inSlice: () => number = () => 0;

  constructor(frequencyHz: number) {
    this.frequencyHz = frequencyHz;
  }

  /** Ticks since reset, exact also inside a slice. */
  get ticks(): number {
    return this.instructions + this.inSlice() + this.portAccesses * PORT_ACCESS_TICKS + this.idleTicks;
  }

  /** Nanoseconds since reset, rounded down. */
  get nowNs(): number {
    return Number(scaled(BigInt(this.ticks), this.frequencyHz, NS_PER_SECOND));
  }

  /** Value of a counter of `frequencyHz`, an integer, that started at reset (CNTPCT_EL0, MCT). */
  counter(frequencyHz: number): bigint {
    return scaled(BigInt(this.ticks), this.frequencyHz, frequencyHz);
  }

  /**
   * First tick at which {@link counter} of `frequencyHz` is at least `count`. Counts beyond 2^53
   * are years away and inexact.
   */
  ticksAtCount(count: bigint, frequencyHz: number): number {
    return Number(scaledUp(count, frequencyHz, this.frequencyHz));
  }

  /** Ticks in `ns` nanoseconds, rounded up; a fraction of a nanosecond counts as a whole one. */
  ticksFor(ns: number): number {
    if (ns === Infinity) return Infinity;
    return Number(scaledUp(BigInt(Math.ceil(ns)), NS_PER_SECOND, this.frequencyHz));
  }

  saveState() {
    const { instructions, portAccesses, idleTicks } = this;
    return { instructions, portAccesses, idleTicks };
  }

  restoreState({ instructions, portAccesses, idleTicks }: ReturnType<Clock['saveState']>): void {
    this.instructions = instructions;
    this.portAccesses = portAccesses;
    this.idleTicks = idleTicks;
  }

  /** Runs `look` without a charge for its port accesses: for observers. */
  withoutCharge<T>(look: () => T): T {
    const { portAccesses } = this;
    try {
      return look();
    } finally {
      this.portAccesses = portAccesses;
    }
  }

  /** Runs `slice` with `executed` as the live count of its instructions, and then adds them. */
  during<T>(executed: () => number, slice: () => T): T {
    this.inSlice = executed;
    try {
      return slice();
    } finally {
      this.inSlice = () => 0;
      this.instructions += executed();
    }
  }
}

/**
 * Converts `value` from units of 1/from seconds to units of 1/to seconds, rounded down. Exact: in
 * doubles, two of a hundred conversions end one off.
 */
function scaled(value: bigint, from: number, to: number): bigint {
  return from === to ? value : (value * BigInt(to)) / BigInt(from);
}

/** As {@link scaled}, rounded up; `value` is not negative. */
function scaledUp(value: bigint, from: number, to: number): bigint {
  return from === to ? value : (value * BigInt(to) + BigInt(from) - 1n) / BigInt(from);
}
