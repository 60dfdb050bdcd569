// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device behind a virtio transport: a kind of device (block, console, entropy) that handles the
 * chains of its queues and knows no registers.
 *
 *     driver ──► VirtioMmio (registers, queues, interrupt) ──handle(queue)──► VirtioModel
 *                     ▲                                                          │
 *                     └────────────── VirtioLink: queue(n), finish() ────────────┘
 *
 * Specification: VIRTIO 1.2, 2 "Basic Facilities of a Virtio Device".
 */

import type { Stateful } from '#emulator/bus/saved-state.ts';
import type { Virtqueue } from './virtqueue.ts';

/** Services of the transport for a model. */
export interface VirtioLink {
  /** Queue `index`, or null while the driver has not enabled it or the device is not running. */
  queue(index: number): Virtqueue | null;
  /**
   * Runs `work` for an external cause (input that arrived): a {@link VirtqueueError} inside it
   * stops the device, as in `handle`.
   */
  run(work: () => void): void;
  /** Notifies the driver that chains were returned on `queue`, unless it disabled notifications. */
  notifyUsed(queue: Virtqueue): void;
  /** Reports unusual behaviour of the guest that does not stop the device, as a `device` event. */
  report(problem: string): void;
}

/** Kind of virtio device. */
export interface VirtioModel extends Stateful {
  /** Device id: 1 network, 2 block, 3 console, 4 entropy (VIRTIO 1.2, 5). */
  readonly deviceId: number;
  /** Feature bit numbers of this kind of device: 0 to 23. */
  readonly features: readonly number[];
  /** Most entries of each queue, powers of two. */
  readonly queueSizes: readonly number[];
  /** Configuration space as the driver reads it, little-endian; constant. */
  readonly config: Uint8Array;
  /** Called once, before anything else. */
  attach(link: VirtioLink): void;
  /**
   * Called when the driver has added chains to queue `index`, which is enabled.
   * @throws VirtqueueError when one is broken
   */
  handle(index: number, queue: Virtqueue): void;
  /** Called when the driver resets the device. */
  reset(): void;
}
