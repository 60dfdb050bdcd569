// SPDX-License-Identifier: GPL-2.0-only
/**
 * Virtio entropy device: fills the driver's buffers with pseudorandom numbers from a seed.
 *
 * They are the same in every run with the same seed and requests: they are not secret, and a guest
 * must not rely on them for protection. A request gets at most 64 KiB, which the specification
 * allows: the driver asks again.
 *
 * Specification: VIRTIO 1.2, 5.4 "Entropy Device".
 */

import { SeededRandom } from './seeded-random.ts';
import type { VirtioLink, VirtioModel } from './virtio-model.ts';
import type { Virtqueue } from './virtqueue.ts';

const QUEUE_SIZE = 8;
const MOST_BYTES = 64 * 1024;

/** Virtio entropy device. */
export class VirtioEntropy implements VirtioModel {
  readonly deviceId = 4;
  readonly features: readonly number[] = [];
  readonly queueSizes = [QUEUE_SIZE];
  readonly config = new Uint8Array();
  private readonly random: SeededRandom;
  private link: VirtioLink | null = null;

  /** @param seed only its low 64 bits are used */
  constructor(seed: bigint) {
    this.random = new SeededRandom(seed);
  }

  attach(link: VirtioLink): void {
    this.link = link;
  }

  handle(_index: number, queue: Virtqueue): void {
    let given = 0;
    for (let chain = queue.popAvailable(); chain !== null; chain = queue.popAvailable()) {
      const bytes = new Uint8Array(Math.min(chain.writable.length, MOST_BYTES));
      this.random.fillBytes(bytes);
      chain.writable.write(0, bytes);
      queue.pushUsed(chain.head, bytes.length);
      given++;
    }
    if (given > 0) this.link?.notifyUsed(queue);
  }

  /**
   * No effect: the sequence continues, so that a restarted guest does not see the same numbers
   * again.
   */
  reset(): void {}

  saveState() {
    return { random: this.random.saveState() };
  }

  restoreState({ random }: ReturnType<VirtioEntropy['saveState']>): void {
    this.random.restoreState(random);
  }
}
