// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordingContext } from '#emulator/devices/testing/test-context.ts';
import { MemoryBackend } from './testing/memory-backend.ts';
import { VirtioBlock } from './virtio-block.ts';
import { VirtioEntropy } from './virtio-entropy.ts';
import { FEATURE_INDIRECT_DESC, FEATURE_VERSION_1, VIRTIO_STATUS, VirtioMmio } from './virtio-mmio.ts';
import { TEST_BUFFERS, TEST_RAM, TestDriver, TestQueue, WRITE } from './testing/test-driver.ts';

const { NEEDS_RESET, DRIVER_OK, FEATURES_OK } = VIRTIO_STATUS;
const entropy = () => new TestDriver(new VirtioEntropy(1n));

describe('an empty slot', () => {
  it('reads as one, and takes writes', () => {
    const context = new RecordingContext();
    const slot = new VirtioMmio({ name: 'virtio31', context, plugged: null });
    slot.write(0x70, 4, 15);
    slot.write(0x50, 4, 0);
    const registers = [0, 4, 8, 0xc, 0x10, 0x34, 0x44, 0x60, 0x70, 0xfc, 0x100];
    expect(registers.map((offset) => slot.read(offset, 4))).toEqual([
      0x7472_6976, 2, 0, 0x554d_4551, 0, 0, 0, 0, 0, 0, 0,
    ]);
    expect([context.events, context.irqChanges]).toEqual([[], []]);
  });
});

describe('VirtioMmio', () => {
  it('starts a device that takes what is offered', () => {
    const driver = entropy().start();
    expect(driver.read(8)).toBe(4);
    expect(driver.submit([{ address: TEST_BUFFERS, length: 32, flags: WRITE }])).toEqual([{ head: 0, written: 32 }]);
    expect(driver.context.events).toEqual([]);
  });

  it('offers VERSION_1 and INDIRECT_DESC in the halves where they belong', () => {
    expect(entropy().offeredFeatures()).toBe((1n << BigInt(FEATURE_VERSION_1)) | (1n << BigInt(FEATURE_INDIRECT_DESC)));
    const driver = entropy();
    driver.write(0x14, 2);
    expect(driver.read(0x10)).toBe(0);
  });

  it.each([
    ['without VERSION_1', 0n],
    ['with a feature that was not offered', (1n << 32n) | (1n << 29n)],
    ['with one in the high half that was not offered', (1n << 32n) | (1n << 34n)],
  ])('does not agree to features %s', (_name, features) => {
    const driver = entropy();
    driver.write(0x70, 3);
    driver.acceptFeatures(features);
    driver.write(0x70, 11);
    expect(driver.status & FEATURES_OK).toBe(0);
  });

  it('keeps the features that were agreed on', () => {
    const driver = entropy().start();
    driver.acceptFeatures(0n);
    driver.write(0x70, driver.status);
    expect(driver.status & FEATURES_OK).toBe(FEATURES_OK);
  });

  it('shows the size of queues that exist, and 0 for others', () => {
    const driver = entropy();
    const sizes = [0, 1, 0xffff_ffff].map((index) => {
      driver.write(0x30, index);
      return driver.read(0x34);
    });
    expect(sizes).toEqual([8, 0, 0]);
  });

  it('interrupts for used buffers until acknowledged, and not when the driver does not want it', () => {
    const driver = entropy().start();
    const table = [{ address: TEST_BUFFERS, length: 4, flags: WRITE }];
    driver.submit(table);
    expect([driver.context.irq, driver.read(0x60)]).toEqual([true, 1]);
    driver.write(0x64, 2);
    expect(driver.context.irq).toBe(true);
    expect(driver.acknowledge()).toBe(1);
    expect([driver.context.irq, driver.read(0x60)]).toEqual([false, 0]);
    driver.memory.write16(driver.queue().available, 1);
    expect(driver.submit(table)).toHaveLength(1);
    expect(driver.context.irq).toBe(false);
  });

  it('does not look at a queue before DRIVER_OK, and then does without another notification', () => {
    const driver = entropy();
    const queue = new TestQueue(driver.memory, 0, 8);
    driver.write(0x70, 3);
    driver.acceptFeatures(driver.offeredFeatures());
    driver.write(0x70, 11);
    driver.configure(0, queue);
    queue.table([{ address: TEST_BUFFERS, length: 4, flags: WRITE }]);
    queue.offer(0);
    driver.notify();
    expect(queue.collect()).toEqual([]);
    driver.write(0x70, 15);
    expect(queue.collect()).toEqual([{ head: 0, written: 4 }]);
  });

  it('ignores notifications of queues that do not exist or are not enabled', () => {
    const driver = entropy().start();
    for (const index of [1, 7, 0xffff_ffff]) driver.notify(index);
    driver.write(0x30, 0);
    driver.write(0x44, 0);
    driver.queue().offer(0);
    driver.notify();
    expect([driver.read(0x44), driver.queue().collect(), driver.context.events]).toEqual([0, [], []]);
  });

  it('a broken chain needs a reset: event, configuration interrupt, nothing more, and works after it', () => {
    const driver = entropy().start();
    expect(driver.submit([{ address: 0x1000, length: 4, flags: WRITE }])).toEqual([]);
    expect(driver.status).toBe(15 | NEEDS_RESET);
    expect([driver.context.irq, driver.read(0x60)]).toEqual([true, 2]);
    expect(driver.context.events).toEqual([
      { kind: 'device', device: 'virtio0', problem: 'a buffer of 4 bytes at 0x1000 is not in RAM' },
    ]);
    expect(driver.submit([{ address: TEST_BUFFERS, length: 4, flags: WRITE }])).toEqual([]);
    driver.write(0x70, 15); // the driver cannot clear it
    expect([driver.status, driver.context.events.length]).toEqual([15 | NEEDS_RESET, 1]);
    driver.write(0x70, 0);
    expect([driver.status, driver.context.irq, driver.read(0x60), driver.read(0x44)]).toEqual([0, false, 0, 0]);
    driver.memory.fill(TEST_RAM, 0x10_0000, 0);
    driver.start();
    expect(driver.submit([{ address: TEST_BUFFERS, length: 4, flags: WRITE }])).toHaveLength(1);
  });

  it.each([
    ['longer than the maximum', 16, null],
    ['outside RAM', 8, 0x100],
  ])('a queue that is %s needs a reset, without an interrupt before DRIVER_OK', (_name, size, table) => {
    const driver = entropy();
    driver.configure(0, new TestQueue(driver.memory, 0, size), false);
    if (table !== null) driver.write(0x80, table);
    driver.write(0x44, 1);
    expect([driver.status & NEEDS_RESET, driver.context.events.length]).toEqual([NEEDS_RESET, 1]);
    expect([driver.read(0x44), driver.context.irq]).toEqual([0, false]);
  });

  it('reads its configuration in any width, and zero after it', () => {
    const driver = new TestDriver(new VirtioBlock(new MemoryBackend(new Uint8Array(0x1234 * 512))));
    const { slot } = driver;
    expect([slot.read(0x100, 4), slot.read(0x104, 4), slot.read(0x100, 2), slot.read(0x101, 1)]).toEqual([
      0x1234, 0, 0x1234, 0x12,
    ]);
    expect([slot.read(0x114, 4), slot.read(0x1fc, 4)]).toEqual([512, 0]);
  });

  it('reports accesses to registers that are not there, and narrow ones', () => {
    const { slot, context } = entropy();
    expect([slot.read(0x3c, 4), slot.read(0x00, 1)]).toEqual([0, 0]);
    slot.write(0x88, 4, 1);
    slot.write(0x100, 4, 1);
    expect(context.events.map(({ kind, offset }) => [kind, offset])).toEqual(
      ['0x3c', '0x0', '0x88', '0x100'].map((offset) => ['mmio-unknown', offset]),
    );
    expect([slot.read(0xb0, 4), slot.read(0xbc, 4)]).toEqual([0xffff_ffff, 0xffff_ffff]);
  });

  it('withstands any sequence of register writes with any contents of RAM', () => {
    const model = fc.constantFrom(
      () => new VirtioBlock(new MemoryBackend(new Uint8Array(8192))),
      () => new VirtioEntropy(7n),
    );
    const register = fc.oneof(
      fc.constantFrom(0x14, 0x20, 0x24, 0x30, 0x38, 0x44, 0x50, 0x64, 0x70, 0x80, 0x84, 0x90, 0xa0),
      fc.nat(0x7f).map((n) => 4 * n),
    );
    const value = fc.oneof(
      fc.constantFrom(0, 1, 3, 4, 8, 11, 15, TEST_RAM, TEST_RAM + 0x1000, TEST_RAM + 0x2000, 0xffff_ffff),
      fc.nat(),
    );
    const write = fc.tuple(register, value);
    const rings = fc.uint8Array({ minLength: 0x400, maxLength: 0x400, max: 0x7f });
    fc.assert(
      fc.property(model, fc.array(write, { maxLength: 60 }), rings, fc.nat(3), (build, writes, bytes, seed) => {
        const driver = new TestDriver(build());
        if (seed > 0) driver.start(1, 8);
        driver.memory.writeBytes(TEST_RAM, bytes);
        if (seed > 1) driver.memory.writeBytes(driver.queue().descriptors, bytes);
        for (const [offset, word] of writes) {
          driver.write(offset, word);
          driver.read(offset);
        }
        driver.notify();
        // A device that needs a reset does not run.
        if ((driver.status & (NEEDS_RESET | DRIVER_OK)) === (NEEDS_RESET | DRIVER_OK)) {
          expect(driver.slot.queue(0)).toBeNull();
        }
        driver.write(0x70, 0);
        expect([driver.status, driver.context.irq]).toEqual([0, false]);
      }),
      { numRuns: 400 },
    );
  });
});

describe('VirtioEntropy', () => {
  const bytesWith = (seed: bigint, length = 64) => {
    const driver = new TestDriver(new VirtioEntropy(seed)).start(1, 8);
    const back = driver.submit([{ address: TEST_BUFFERS, length, flags: WRITE }]);
    return { written: back[0]?.written, bytes: driver.memory.readBytes(TEST_BUFFERS, length) };
  };

  it('gives the same bytes for the same seed, and others for another', () => {
    expect(bytesWith(5n)).toEqual(bytesWith(5n));
    expect(bytesWith(5n).bytes).not.toEqual(bytesWith(6n).bytes);
  });

  it('gives at most 64 KiB to a request', () => {
    const { written, bytes } = bytesWith(1n, 0x2_0000);
    expect(written).toBe(0x1_0000);
    expect(bytes.subarray(0x1_0000).every((byte) => byte === 0)).toBe(true);
  });

  it('goes on after a reset instead of repeating', () => {
    const driver = entropy().start(1, 8);
    const draw = () => {
      driver.submit([{ address: TEST_BUFFERS, length: 16, flags: WRITE }]);
      return driver.memory.readBytes(TEST_BUFFERS, 16);
    };
    const first = draw();
    driver.memory.fill(TEST_RAM, 0x10_0000, 0);
    driver.start(1, 8);
    expect(draw()).not.toEqual(first);
  });
});
