// SPDX-License-Identifier: GPL-2.0-only
/**
 * Queue of bytes in kernel memory: a ring that an interrupt handler fills and other code empties.
 *
 *     +0 head  u32  taken so far, modulo 2^32          +8 bytes[CAPACITY]   byte n is at n modulo CAPACITY
 *     +4 tail  u32  put so far
 *
 * Invariant: tail - head (modulo 2^32) is the length, at most CAPACITY. CAPACITY is a power of two.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';

/** Capacity of a queue in bytes. */
export const QUEUE_CAPACITY = 1024;
/** Size of a queue in memory, in bytes. */
export const QUEUE_BYTES = 8 + QUEUE_CAPACITY;

export class ByteQueue {
  private readonly memory: MemoryPort;
  private readonly address: VirtAddr;

  /** @param address of QUEUE_BYTES bytes, a multiple of 4; all zero is an empty queue */
  constructor(memory: MemoryPort, address: VirtAddr) {
    this.memory = memory;
    this.address = address;
  }

  get length(): number {
    return (this.tail - this.head) >>> 0;
  }

  /** Adds `byte` (0 to 255). Returns false, and changes nothing, when the queue is full. */
  put(byte: number): boolean {
    const { tail } = this;
    if ((tail - this.head) >>> 0 >= QUEUE_CAPACITY) return false;
    this.memory.write8(this.slot(tail), byte);
    this.memory.write32(virtAddr(this.address + 4n), (tail + 1) >>> 0);
    return true;
  }

  /** Removes the oldest byte; null when there is none. */
  get(): number | null {
    const { head } = this;
    if (head === this.tail) return null;
    const byte = this.memory.read8(this.slot(head));
    this.memory.write32(this.address, (head + 1) >>> 0);
    return byte;
  }

  /** Byte at `index` from the oldest; `index` must be below the length. */
  peek(index: number): number {
    return this.memory.read8(this.slot((this.head + index) >>> 0));
  }

  private get head(): number {
    return this.memory.read32(this.address);
  }

  private get tail(): number {
    return this.memory.read32(virtAddr(this.address + 4n));
  }

  private slot(index: number): VirtAddr {
    return virtAddr(this.address + 8n + BigInt(index % QUEUE_CAPACITY));
  }
}
