// SPDX-License-Identifier: GPL-2.0-only
/**
 * Split virtqueue, seen from the device: it pops chains of buffers that the driver made available,
 * and returns them as used.
 *
 *     descriptor table (16 B each)      driver area "available"          device area "used"
 *     | addr 64 | len 32 | flags | next |   | flags | idx | ring[n] |        | flags | idx | {id 32, len 32}[n] |
 *          ▲            └─ NEXT ─┘              popAvailable() reads ring[idx…]   pushUsed() writes {head, length}
 *          └── INDIRECT: addr, len are a table of their own
 *
 * The guest controls the three areas, which may hold any values. A chain that loops, leaves RAM or
 * breaks the rules raises {@link VirtqueueError}, which the transport turns into
 * DEVICE_NEEDS_RESET; it is thrown only inside this folder. Limits of a chain: as many descriptors
 * as its table has, at most {@link MAX_INDIRECT} of them, and less than 2^32 bytes.
 *
 * Specification: Virtual I/O Device (VIRTIO) Version 1.2 (OASIS), 2.7 "Split Virtqueues"; the rules
 * quoted at the checks are from there.
 */

import { hex } from '#common/address.ts';
import type { MemoryPort } from '#emulator/devices/memory-port.ts';
import { BufferList, type DescriptorChain } from './descriptor-chain.ts';

const DESCRIPTOR_BYTES = 16;
const FLAG_NEXT = 1 << 0;
const FLAG_WRITE = 1 << 1;
const FLAG_INDIRECT = 1 << 2;

/** Flag in the available area: the driver wants no interrupt. */
const AVAIL_NO_INTERRUPT = 1 << 0;

/** Most descriptors of an indirect table that a device reads. The same limit as QEMU's. */
export const MAX_INDIRECT = 1024;
const MAX_CHAIN_BYTES = 2 ** 32;

/** Thrown when the guest broke the rules of the queue. The message says how, with the numbers. */
export class VirtqueueError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'VirtqueueError';
  }
}

/** Placement of the queue by the driver. Addresses are physical. */
export interface QueueLayout {
  /** Number of entries, a power of two, at most 32768. */
  readonly size: number;
  readonly descriptors: number;
  readonly driverArea: number;
  readonly deviceArea: number;
}

/** Queue that the driver has enabled. */
export class Virtqueue {
  private readonly memory: MemoryPort;
  private readonly layout: QueueLayout;
  /** Index of the next entry of the available ring, modulo 2^16. */
  private lastAvailable = 0;
  private used = 0;

  /**
   * @throws VirtqueueError when the size is no power of two, or an area is not aligned or not in
   * RAM
   */
  constructor(memory: MemoryPort, layout: QueueLayout) {
    const { size, descriptors, driverArea, deviceArea } = layout;
    if (size < 1 || size > 32768 || !Number.isInteger(Math.log2(size))) {
      throw new VirtqueueError(`queue size ${size} is not a power of two`);
    }
    requireArea(memory, 'descriptor table', descriptors, 16, DESCRIPTOR_BYTES * size);
    requireArea(memory, 'driver area', driverArea, 2, 6 + 2 * size);
    requireArea(memory, 'device area', deviceArea, 4, 6 + 8 * size);
    this.memory = memory;
    this.layout = layout;
  }

  saveState() {
    const { size, descriptors, driverArea, deviceArea } = this.layout;
    return { size, descriptors, driverArea, deviceArea, lastAvailable: this.lastAvailable, used: this.used };
  }

  /** Restores a queue from `state`, over the same memory. */
  static fromState(memory: MemoryPort, state: ReturnType<Virtqueue['saveState']>): Virtqueue {
    const queue = new Virtqueue(memory, state);
    queue.lastAvailable = state.lastAvailable;
    queue.used = state.used;
    return queue;
  }

  /**
   * Oldest available chain that was not popped yet, or null. O(descriptors of the chain).
   * @throws VirtqueueError when the ring's index or the chain is broken
   */
  popAvailable(): DescriptorChain | null {
    const { driverArea, size } = this.layout;
    const offered = (this.memory.read16(driverArea + 2) - this.lastAvailable) & 0xffff;
    if (offered === 0) return null;
    if (offered > size) {
      throw new VirtqueueError(`the available index moved by ${offered}, the queue has ${size} entries`);
    }
    const head = this.memory.read16(driverArea + 4 + 2 * (this.lastAvailable % size));
    const chain = this.readChain(head);
    this.lastAvailable = (this.lastAvailable + 1) & 0xffff;
    return chain;
  }

  /**
   * Returns a chain to the driver.
   * @param written bytes that the device stored from the start of its writable part
   */
  pushUsed(head: number, written: number): void {
    const { deviceArea, size } = this.layout;
    const entry = deviceArea + 4 + 8 * (this.used % size);
    this.memory.write32(entry, head);
    this.memory.write32(entry + 4, written);
    this.used = (this.used + 1) & 0xffff;
    this.memory.write16(deviceArea + 2, this.used);
  }

  /** True when the driver wants an interrupt for used chains. */
  get wantsInterrupt(): boolean {
    return (this.memory.read16(this.layout.driverArea) & AVAIL_NO_INTERRUPT) === 0;
  }

  private readChain(head: number): DescriptorChain {
    const memory = this.memory;
    const readable = new BufferList(memory);
    const writable = new BufferList(memory);
    let { descriptors: table, size: entries } = this.layout;
    let index = head;
    let left = entries;
    let indirect = false;
    for (;;) {
      if (index >= entries) throw new VirtqueueError(`descriptor ${index} of a table of ${entries}`);
      if (left-- === 0) throw new VirtqueueError(`the chain at ${head} is longer than its table of ${entries}: a loop`);
      const at = table + DESCRIPTOR_BYTES * index;
      const address = Number(memory.read64(at));
      const length = memory.read32(at + 8);
      const flags = memory.read16(at + 12);
      const next = memory.read16(at + 14);
      if ((flags & FLAG_INDIRECT) !== 0) {
        if (indirect) throw new VirtqueueError(`descriptor ${index} of an indirect table is indirect itself`);
        if ((flags & FLAG_NEXT) !== 0) throw new VirtqueueError(`descriptor ${index} is indirect and has a next one`);
        indirect = true;
        entries = indirectEntries(memory, address, length);
        table = address;
        index = 0;
        left = entries;
        continue;
      }
      addBuffer(memory, (flags & FLAG_WRITE) !== 0, readable, writable, address, length);
      if ((flags & FLAG_NEXT) === 0) return { head, readable, writable };
      index = next;
    }
  }
}

function addBuffer(
  memory: MemoryPort,
  isWritable: boolean,
  readable: BufferList,
  writable: BufferList,
  address: number,
  length: number,
): void {
  if (!memory.contains(address, length)) {
    throw new VirtqueueError(`a buffer of ${length} bytes at ${hex(address)} is not in RAM`);
  }
  if (!isWritable && writable.count > 0) {
    throw new VirtqueueError(`the buffer at ${hex(address)} is for reading, after one for writing`);
  }
  (isWritable ? writable : readable).add(address, length);
  if (readable.length + writable.length >= MAX_CHAIN_BYTES) {
    throw new VirtqueueError(`a chain of ${readable.length + writable.length} bytes`);
  }
}

function indirectEntries(memory: MemoryPort, address: number, length: number): number {
  const entries = length / DESCRIPTOR_BYTES;
  if (entries < 1 || !Number.isInteger(entries) || entries > MAX_INDIRECT) {
    throw new VirtqueueError(`an indirect table of ${length} bytes`);
  }
  if (!memory.contains(address, length)) {
    throw new VirtqueueError(`an indirect table of ${length} bytes at ${hex(address)} is not in RAM`);
  }
  return entries;
}

function requireArea(memory: MemoryPort, what: string, address: number, alignment: number, bytes: number): void {
  if (address % alignment !== 0) {
    throw new VirtqueueError(`the ${what} at ${hex(address)} is not a multiple of ${alignment}`);
  }
  if (!memory.contains(address, bytes)) {
    throw new VirtqueueError(`the ${what} of ${bytes} bytes at ${hex(address)} is not in RAM`);
  }
}
