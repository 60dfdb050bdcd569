// SPDX-License-Identifier: GPL-2.0-only
/**
 * Driver of a virtio device, for the tests of this folder: finds the device, places queues in RAM,
 * offers chains, and reads the used ones. It works in the order of Linux, and can also break the
 * rules.
 */

import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { RecordingContext } from '#emulator/devices/testing/test-context.ts';
import { VirtioMmio } from '#emulator/devices/virtio/virtio-mmio.ts';
import type { VirtioModel } from '#emulator/devices/virtio/virtio-model.ts';

export const TEST_RAM = 0x4000_0000;
export const TEST_RAM_BYTES = 0x100_0000;

const RINGS = TEST_RAM + 0x1_0000;
const RINGS_BYTES = 0x1_0000;
/** Base address of the tests' buffers. */
export const TEST_BUFFERS = TEST_RAM + 0x10_0000;

/** Entry of a descriptor table. */
export interface TestDescriptor {
  readonly address: number | bigint;
  readonly length: number;
  readonly flags?: number;
  readonly next?: number;
}

export const [NEXT, WRITE, INDIRECT] = [1, 2, 4] as const;

/** Writes a descriptor table to `address`. */
export function writeTable(memory: PhysicalMemory, address: number, table: readonly TestDescriptor[]): void {
  for (const [i, { address: at, length, flags = 0, next = 0 }] of table.entries()) {
    memory.write64(address + 16 * i, BigInt(at));
    memory.write32(address + 16 * i + 8, length);
    memory.write16(address + 16 * i + 12, flags);
    memory.write16(address + 16 * i + 14, next);
  }
}

/** Driver's side of one queue. */
export class TestQueue {
  readonly size: number;
  readonly descriptors: number;
  readonly available: number;
  readonly used: number;
  private readonly memory: PhysicalMemory;
  private offered = 0;
  private seen = 0;

  constructor(memory: PhysicalMemory, index: number, size: number) {
    this.memory = memory;
    this.size = size;
    this.descriptors = RINGS + index * RINGS_BYTES;
    this.available = this.descriptors + 16 * size;
    this.used = this.descriptors + 0x8000;
  }

  table(table: readonly TestDescriptor[]): void {
    writeTable(this.memory, this.descriptors, table);
  }

  /** Offers the chain that begins at `head`. */
  offer(head: number): void {
    this.memory.write16(this.available + 4 + 2 * (this.offered % this.size), head);
    this.offered = (this.offered + 1) & 0xffff;
    this.memory.write16(this.available + 2, this.offered);
  }

  /** Chains returned since the last call. */
  collect(): { head: number; written: number }[] {
    const back: { head: number; written: number }[] = [];
    while (this.seen !== this.memory.read16(this.used + 2)) {
      const entry = this.used + 4 + 8 * (this.seen % this.size);
      back.push({ head: this.memory.read32(entry), written: this.memory.read32(entry + 4) });
      this.seen = (this.seen + 1) & 0xffff;
    }
    return back;
  }
}

/** Device in its slot, and a driver for it. */
export class TestDriver {
  readonly memory = new PhysicalMemory([{ base: TEST_RAM, size: TEST_RAM_BYTES }]);
  readonly context = new RecordingContext();
  readonly slot: VirtioMmio;
  readonly queues: TestQueue[] = [];

  constructor(model: VirtioModel) {
    this.slot = new VirtioMmio({ name: 'virtio0', context: this.context, plugged: { model, memory: this.memory } });
  }

  read(offset: number): number {
    return this.slot.read(offset, 4);
  }

  write(offset: number, value: number): void {
    this.slot.write(offset, 4, value);
  }

  get status(): number {
    return this.read(0x70);
  }

  /** The 64 feature bits that the device offers. */
  offeredFeatures(): bigint {
    const halves = [0, 1].map((half) => {
      this.write(0x14, half);
      return BigInt(this.read(0x10));
    });
    return ((halves[1] ?? 0n) << 32n) | (halves[0] ?? 0n);
  }

  acceptFeatures(features: bigint): void {
    for (const half of [0, 1]) {
      this.write(0x24, half);
      this.write(0x20, Number((features >> BigInt(32 * half)) & 0xffff_ffffn));
    }
  }

  /** Programs queue `index`; `ready` comes last. */
  configure(index: number, queue: TestQueue, ready = true): void {
    this.write(0x30, index);
    this.write(0x38, queue.size);
    for (const [register, address] of [
      [0x80, queue.descriptors],
      [0x90, queue.available],
      [0xa0, queue.used],
    ] as const) {
      this.write(register, address % 2 ** 32);
      this.write(register + 4, Math.floor(address / 2 ** 32));
    }
    if (ready) this.write(0x44, 1);
  }

  /**
   * Initialises the device as in 3.1.1, with every offered feature and `count` queues of at most
   * `size` entries.
   */
  start(count = 1, size = 16): this {
    this.write(0x70, 0);
    this.write(0x70, 1);
    this.write(0x70, 3);
    this.acceptFeatures(this.offeredFeatures());
    this.write(0x70, 11);
    this.demand('status', this.status, 11);
    for (let index = 0; index < count; index++) {
      this.write(0x30, index);
      const queue = new TestQueue(this.memory, index, Math.min(size, this.read(0x34)));
      this.queues[index] = queue;
      this.configure(index, queue);
      this.demand('ready', this.read(0x44), 1);
    }
    this.write(0x70, 15);
    this.demand('status', this.status, 15);
    return this;
  }

  private demand(what: string, value: number, expected: number): void {
    if (value !== expected) throw new Error(`the device did not start: ${what} reads ${value}, not ${expected}`);
  }

  queue(index = 0): TestQueue {
    return this.queues[index] as TestQueue;
  }

  notify(index = 0): void {
    this.write(0x50, index);
  }

  /** Offers one chain of `table` at descriptor 0, and notifies the device. */
  submit(table: readonly TestDescriptor[], index = 0): { head: number; written: number }[] {
    this.queue(index).table(table);
    this.queue(index).offer(0);
    this.notify(index);
    return this.queue(index).collect();
  }

  /** Acknowledges the pending interrupts, and returns them. */
  acknowledge(): number {
    const pending = this.read(0x60);
    this.write(0x64, pending);
    return pending;
  }
}
