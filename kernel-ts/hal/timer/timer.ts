/**
 * What the kernel asks of a timer: an interrupt at a steady rate, and silence when nobody needs
 * one.
 */

/** A periodic timer of the running core. */
export interface Timer {
  /** "virtual timer", "physical timer". */
  readonly name: string;
  /** Counts a second. */
  readonly frequencyHz: number;
  /** True between `start` and `stop`. */
  readonly running: boolean;
  /**
   * Interrupts `hz` times a second from now on, the first time after one period.
   * @throws RangeError `hz` is not from 1 to the counter's frequency
   */
  start(hz: number): void;
  /**
   * Called from the interrupt: quiets the line until the next period.
   * @returns the periods that have passed, 1 unless interrupts were late
   */
  expired(hz: number): number;
  /** No more interrupts. */
  stop(): void;
}
