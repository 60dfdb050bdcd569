// SPDX-License-Identifier: GPL-2.0-only
/**
 * The device behind a virtio transport: a kind of device (block, console, entropy) that handles the
 * chains of its queues and knows nothing of registers.
 *
 *     driver ──► VirtioMmio (registers, queues, interrupt) ──handle(queue)──► VirtioModel
 *                     ▲                                                          │
 *                     └────────────── VirtioLink: queue(n), finish() ────────────┘
 *
 * Specification: VIRTIO 1.2, 2 "Basic Facilities of a Virtio Device".
 */

import type { Stateful } from '#emulator/bus/saved-state.ts';
import type { Virtqueue } from './virtqueue.ts';

/** What a model may do with its transport. */
export interface VirtioLink {
  /** Queue `index`, or null while the driver has not enabled it or the device is not running. */
  queue(index: number): Virtqueue | null;
  /**
   * Runs `work` on behalf of the outside (input that arrived): a {@link VirtqueueError} inside it
   * stops the device as it does in `handle`.
   */
  run(work: () => void): void;
  /** Tells the driver that chains were given back on `queue`, unless it asked not to be told. */
  notifyUsed(queue: Virtqueue): void;
  /** Reports a peculiarity of the guest that does not stop the device, as a `device` event. */
  report(problem: string): void;
}

/** A kind of virtio device. */
export interface VirtioModel extends Stateful {
  /** VIRTIO 1.2, 5: 1 network, 2 block, 3 console, 4 entropy. */
  readonly deviceId: number;
  /** Numbers of the feature bits that are its own: 0 to 23. */
  readonly features: readonly number[];
  /** Most entries of each queue, powers of two. */
  readonly queueSizes: readonly number[];
  /** Configuration space as the driver reads it, little-endian. It does not change. */
  readonly config: Uint8Array;
  /** Called once, before anything else. */
  attach(link: VirtioLink): void;
  /**
   * The driver has put chains into queue `index`, which is enabled.
   * @throws VirtqueueError when one is broken
   */
  handle(index: number, queue: Virtqueue): void;
  /** The driver reset the device. */
  reset(): void;
}
