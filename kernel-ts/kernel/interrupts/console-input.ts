// SPDX-License-Identifier: GPL-2.0-only
/**
 * Unread console input. The UART's interrupt handler moves bytes to a queue in kernel memory; the
 * owner of the console, which is the maintenance shell or a process, reads them from there.
 *
 *     UART ─interrupt─► receive() ─► queue ─► read()
 *
 * When the queue is full the UART's interrupt is disabled, and the rest waits in the UART until
 * `read` has made room. So no pasted text is lost.
 */

import type { Console } from '#kernel-ts/hal/console/console.ts';
import { type ByteQueue, QUEUE_CAPACITY } from './byte-queue.ts';

const CTRL_C = 0x03;

export class ConsoleInput {
  private readonly console: Console;
  private readonly queue: ByteQueue;

  constructor(console: Console, queue: ByteQueue) {
    this.console = console;
    this.queue = queue;
  }

  /** Enables the UART's interrupt. */
  open(): void {
    this.console.enableInputInterrupt();
  }

  /** Interrupt handler: moves the UART's input to the queue. */
  receive(): void {
    while (this.queue.length < QUEUE_CAPACITY) {
      const byte = this.console.tryReadByte();
      if (byte === null) {
        this.console.acknowledgeInput();
        return;
      }
      this.queue.put(byte);
    }
    this.console.disableInputInterrupt();
  }

  /**
   * Drops all input up to and including the last Ctrl-C. Returns false, and changes nothing, when
   * there is none.
   */
  takeInterrupt(): boolean {
    let { length } = this.queue;
    while (length > 0 && this.queue.peek(length - 1) !== CTRL_C) length--;
    for (let left = length; left > 0; left--) this.read();
    return length > 0;
  }

  /** Oldest byte, or null when there is none. */
  read(): number | null {
    const wasFull = this.queue.length === QUEUE_CAPACITY;
    const byte = this.queue.get();
    if (wasFull) this.console.enableInputInterrupt();
    return byte;
  }
}
