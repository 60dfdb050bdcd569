/**
 * Virtio console with one port: a queue of bytes in each direction, no framing, no speed.
 *
 *     host ──receive()──► waiting bytes ──► queue 0, as far as the driver has put buffers there
 *     host ◄──onOutput──────────────────── queue 1
 *
 * Not offered: several ports, the size of the window, emergency write.
 *
 * Specification: VIRTIO 1.2, 5.3 "Console Device".
 */

import type { VirtioLink, VirtioModel } from './virtio-model.ts';
import type { Virtqueue } from './virtqueue.ts';

const RECEIVE = 0;
const TRANSMIT = 1;
const QUEUE_SIZE = 128;
/** Output reaches the host in pieces of at most this size. */
const PIECE_BYTES = 64 * 1024;

/** Called with bytes that the guest wrote. The array is the receiver's to keep. */
export type ConsoleOutput = (bytes: Uint8Array) => void;

/** A console. */
export class VirtioConsole implements VirtioModel {
  readonly deviceId = 3;
  readonly features: readonly number[] = [];
  readonly queueSizes = [QUEUE_SIZE, QUEUE_SIZE];
  readonly config = new Uint8Array(12);
  readonly #onOutput: ConsoleOutput;
  #waiting: Uint8Array = new Uint8Array();
  #link: VirtioLink | null = null;

  constructor(onOutput: ConsoleOutput) {
    this.#onOutput = onOutput;
  }

  /** Bytes from the host that the guest has not taken. */
  get waitingInput(): number {
    return this.#waiting.length;
  }

  attach(link: VirtioLink): void {
    this.#link = link;
  }

  /** Input from the host. It waits for the guest as long as it takes, also across a reset. */
  receive(bytes: Uint8Array): void {
    const waiting = new Uint8Array(this.#waiting.length + bytes.length);
    waiting.set(this.#waiting);
    waiting.set(bytes, this.#waiting.length);
    this.#waiting = waiting;
    this.#link?.run(() => {
      const queue = this.#link?.queue(RECEIVE) ?? null;
      if (queue !== null) this.#deliver(queue);
    });
  }

  handle(index: number, queue: Virtqueue): void {
    if (index === RECEIVE) this.#deliver(queue);
    else if (index === TRANSMIT) this.#transmit(queue);
  }

  reset(): void {}

  saveState() {
    return { waiting: this.#waiting.slice() };
  }

  restoreState({ waiting }: ReturnType<VirtioConsole['saveState']>): void {
    this.#waiting = waiting.slice();
  }

  #deliver(queue: Virtqueue): void {
    let given = 0;
    while (this.#waiting.length > 0) {
      const chain = queue.take();
      if (chain === null) break;
      const bytes = Math.min(chain.writable.length, this.#waiting.length);
      chain.writable.write(0, this.#waiting.subarray(0, bytes));
      this.#waiting = this.#waiting.slice(bytes);
      queue.give(chain.head, bytes);
      given++;
    }
    if (given > 0) this.#link?.notifyUsed(queue);
  }

  #transmit(queue: Virtqueue): void {
    let given = 0;
    for (let chain = queue.take(); chain !== null; chain = queue.take()) {
      const { length } = chain.readable;
      for (let done = 0; done < length; done += PIECE_BYTES) {
        this.#onOutput(chain.readable.read(done, Math.min(PIECE_BYTES, length - done)));
      }
      queue.give(chain.head, 0);
      given++;
    }
    if (given > 0) this.#link?.notifyUsed(queue);
  }
}
