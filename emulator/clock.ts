/**
 * Simulated time: the only clock of a machine.
 *
 * It counts ticks. An executed instruction is one tick; a port access of a kernel that runs in TypeScript is charged {@link PORT_ACCESS_TICKS}, about what
 * compiled code spends on it. A fixed rate turns ticks into nanoseconds. Nothing else moves it, so the same inputs give the same times.
 */

/** Ticks charged for a port access (8 bytes moved, or a register): address generation, the access and a use of its result. */
export const PORT_ACCESS_TICKS = 4;

export class Clock {
  /** Ticks a second: the core's instruction rate. */
  readonly frequencyHz: number;
  /** Instructions retired. Inside a slice the running core adds what it has executed so far, see `now`. */
  instructions = 0;
  /** Port accesses charged. */
  portAccesses = 0;
  /** Ticks that passed with every core asleep. */
  idleTicks = 0;
  /** Instructions of the slice being executed. */
  private inSlice: () => number = () => 0;

  constructor(frequencyHz: number) {
    this.frequencyHz = frequencyHz;
  }

  /** Ticks since reset, exact also in the middle of a slice. */
  get ticks(): number {
    return this.instructions + this.inSlice() + this.portAccesses * PORT_ACCESS_TICKS + this.idleTicks;
  }

  /** Nanoseconds since reset, rounded down. */
  get nowNs(): number {
    return Math.floor((this.ticks / this.frequencyHz) * 1e9);
  }

  /** Value of a counter of `frequencyHz` that started at reset (CNTPCT_EL0, MCT). */
  counter(frequencyHz: number): bigint {
    return BigInt(Math.floor((this.ticks / this.frequencyHz) * frequencyHz));
  }

  /** The first tick at which {@link counter} of `frequencyHz` is at least `count`. */
  ticksAtCount(count: bigint, frequencyHz: number): number {
    let tick = Math.ceil((Number(count) / frequencyHz) * this.frequencyHz);
    // Both directions round, so the neighbourhood is checked; counts beyond 2^53 are years away.
    if (tick < Number.MAX_SAFE_INTEGER) {
      while (BigInt(Math.floor((tick / this.frequencyHz) * frequencyHz)) < count) tick++;
    }
    return tick;
  }

  /** Ticks in `ns` nanoseconds, rounded up. */
  ticksFor(ns: number): number {
    return Math.ceil((ns / 1e9) * this.frequencyHz);
  }

  /** Runs `slice` with `executed` as the live count of its instructions, then adds them. */
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
