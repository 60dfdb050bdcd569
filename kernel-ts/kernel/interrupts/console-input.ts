// SPDX-License-Identifier: GPL-2.0-only
/**
 * What was typed and nobody has read yet: bytes go from the UART to a queue in kernel memory when
 * the UART interrupts, and from there to whoever has the console, the maintenance shell or a
 * process.
 *
 *     UART ─interrupt─► receive() ─► queue ─► take()
 *
 * When the queue is full the UART's interrupt is switched off and the rest waits in the UART, until
 * `take` has made room: nothing is lost, however much is pasted.
 */

import type { Console } from '#kernel-ts/hal/console/console.ts';
import type { ByteQueue } from './byte-queue.ts';
import { QUEUE_CAPACITY } from './byte-queue.ts';

export class ConsoleInput {
  private readonly console: Console;
  private readonly queue: ByteQueue;

  constructor(console: Console, queue: ByteQueue) {
    this.console = console;
    this.queue = queue;
  }

  /** Bytes that can be taken. */
  get length(): number {
    return this.queue.length;
  }

  /** Lets the UART interrupt. */
  open(): void {
    this.console.enableInputInterrupt();
  }

  /** The UART's interrupt: empties it into the queue. */
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

  /** The oldest byte, or null when there is none. */
  take(): number | null {
    const wasFull = this.queue.length === QUEUE_CAPACITY;
    const byte = this.queue.take();
    if (wasFull) this.console.enableInputInterrupt();
    return byte;
  }
}
