// SPDX-License-Identifier: GPL-2.0-only
/**
 * Receiver shared by the UART models: the hardware FIFO, and the host's queue behind it.
 *
 *     host ──enqueue──► queue (no limit) ──refill──► FIFO (`depth` entries) ──take──► guest
 *                                     shiftIn ──store──┘ false when full: the overrun
 *
 * An entry is 12 bits: the character in 7:0, its errors above, in the order of the PL011's data
 * register (Arm DDI 0183, 3.3.1). It does not know registers, interrupts or enable bits.
 *
 * Invariant: 0 <= count <= depth <= capacity.
 */

/** Errors of a character, as bits above its eight data bits. */
export const FRAMING_ERROR = 1 << 8;
export const PARITY_ERROR = 1 << 9;
export const BREAK = 1 << 10;
export const CHARACTER_ERRORS = FRAMING_ERROR | PARITY_ERROR | BREAK;

/** Result of `head` and `pop` when the FIFO is empty. */
export const NO_ENTRY = -1;

/** FIFO and queue of one UART. */
export class UartReceiver {
  private readonly entries: Uint16Array;
  private readonly queue: Uint16Array[] = [];
  private queueStart = 0;
  private waiting = 0;
  private first = 0;
  private filled = 0;
  private depth = 1;

  /**
   * @param capacity depth of the FIFO when it is enabled, in characters. The initial depth is 1.
   */
  constructor(capacity: number) {
    this.entries = new Uint16Array(capacity);
  }

  /** Number of entries in the FIFO. */
  get count(): number {
    return this.filled;
  }

  get isFull(): boolean {
    return this.filled === this.depth;
  }

  /** Number of entries in the host's queue. */
  get queued(): number {
    return this.waiting;
  }

  /**
   * Empties the FIFO (not the queue) and sets its depth: 1 is the holding register of a UART with
   * its FIFO disabled.
   */
  restart(depth: number): void {
    this.first = 0;
    this.filled = 0;
    this.depth = Math.min(depth, this.entries.length);
  }

  /** Entries in the FIFO and in the queue, oldest first. */
  saveState() {
    const fifo = Array.from(
      { length: this.filled },
      (_, index) => this.entries[(this.first + index) % this.depth] as number,
    );
    const queue = this.queue.flatMap((chunk, index) => [...chunk.subarray(index === 0 ? this.queueStart : 0)]);
    return { depth: this.depth, fifo, queue };
  }

  restoreState({ depth, fifo, queue }: ReturnType<UartReceiver['saveState']>): void {
    this.restart(depth);
    for (const entry of fifo) this.store(entry);
    this.queue.length = 0;
    this.queueStart = 0;
    this.waiting = 0;
    this.enqueue(queue);
  }

  /** Adds an entry to the FIFO. Returns false, and changes nothing, when it is full. */
  store(entry: number): boolean {
    if (this.isFull) return false;
    this.entries[(this.first + this.filled) % this.depth] = entry;
    this.filled++;
    return true;
  }

  /** The oldest entry, or NO_ENTRY. */
  head(): number {
    return this.filled === 0 ? NO_ENTRY : (this.entries[this.first] as number);
  }

  /** Removes and returns the oldest entry, or NO_ENTRY. */
  pop(): number {
    const entry = this.head();
    if (entry !== NO_ENTRY) {
      this.first = (this.first + 1) % this.depth;
      this.filled--;
    }
    return entry;
  }

  /** Clears the errors of the oldest entry. */
  clearHeadErrors(): void {
    if (this.filled > 0) this.entries[this.first] = this.head() & 0xff;
  }

  /** Appends entries to the host's queue. */
  enqueue(entries: Iterable<number>): void {
    const chunk = Uint16Array.from(entries);
    if (chunk.length > 0) {
      this.queue.push(chunk);
      this.waiting += chunk.length;
    }
  }

  /**
   * Moves entries from the queue to the FIFO, as many as fit. Returns the errors of the moved
   * entries, ORed, or NO_ENTRY when none was moved.
   */
  refill(): number {
    let errors = NO_ENTRY;
    while (this.waiting > 0 && !this.isFull) {
      const chunk = this.queue[0] as Uint16Array;
      const entry = chunk[this.queueStart] as number;
      this.store(entry);
      errors = (errors === NO_ENTRY ? 0 : errors) | (entry & ~0xff);
      this.waiting--;
      this.queueStart++;
      if (this.queueStart === chunk.length) {
        this.queue.shift();
        this.queueStart = 0;
      }
    }
    return errors;
  }
}
