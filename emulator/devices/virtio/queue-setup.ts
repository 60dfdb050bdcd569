// SPDX-License-Identifier: GPL-2.0-only
/**
 * Queue registers: the configuration by the driver, before and after the queue is enabled.
 *
 *     size, six halves of addresses ──(ready = 1)──► Virtqueue ──(ready = 0, reset)──► back to configuration
 *
 * Specification: VIRTIO 1.2, 4.2.2 (QueueNum, QueueReady, QueueDesc, QueueDriver, QueueDevice).
 */

import type { MemoryPort } from '#emulator/devices/memory-port.ts';
import { Virtqueue, VirtqueueError } from './virtqueue.ts';

/** Registers of one queue. */
export class QueueSetup {
  readonly sizeMax: number;
  private readonly memory: MemoryPort;
  private size: number;
  /** Low and high halves of the addresses of the three areas, by offset of their registers. */
  private readonly halves = new Map<number, number>();
  private readyQueue: Virtqueue | null = null;

  constructor(memory: MemoryPort, sizeMax: number) {
    this.memory = memory;
    this.sizeMax = sizeMax;
    this.size = sizeMax;
  }

  /** Queue while it is enabled; else null. */
  get queue(): Virtqueue | null {
    return this.readyQueue;
  }

  reset(): void {
    this.size = this.sizeMax;
    this.halves.clear();
    this.readyQueue = null;
  }

  saveState() {
    const halves = Array.from(this.halves, ([register, value]) => ({ register, value }));
    return { size: this.size, halves, queue: this.readyQueue?.saveState() ?? null };
  }

  restoreState({ size, halves, queue }: ReturnType<QueueSetup['saveState']>): void {
    this.size = size;
    this.halves.clear();
    for (const { register, value } of halves) this.halves.set(register, value);
    this.readyQueue = queue === null ? null : Virtqueue.fromState(this.memory, queue);
  }

  /** Sets the number of entries, which is checked when the queue is enabled. */
  setSize(size: number): void {
    this.size = size;
  }

  /**
   * @param register offset from the first address register: 0 and 4 descriptors, 0x10 and 0x14
   * driver area, 0x20 and 0x24 device area
   */
  setAddress(register: number, value: number): void {
    this.halves.set(register, value);
  }

  /**
   * Enables the queue with its configuration, or disables it. Enabling an enabled queue changes
   * nothing.
   * @throws VirtqueueError when it cannot be enabled: size above the maximum, or the rules of
   * `Virtqueue`
   */
  setReady(ready: boolean): void {
    if (!ready) {
      this.readyQueue = null;
    } else if (this.readyQueue === null) {
      if (this.size > this.sizeMax) throw new VirtqueueError(`queue size ${this.size} is above ${this.sizeMax}`);
      this.readyQueue = new Virtqueue(this.memory, {
        size: this.size,
        descriptors: this.address(0x00),
        driverArea: this.address(0x10),
        deviceArea: this.address(0x20),
      });
    }
  }

  private address(register: number): number {
    return (this.halves.get(register + 4) ?? 0) * 2 ** 32 + (this.halves.get(register) ?? 0);
  }
}
