// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bus } from '#emulator/bus/bus.ts';
import { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import { onBus } from './testing/device-bus.ts';
import { TimedContext } from './testing/test-clock.ts';
import { bytesOf, RecordingContext } from './testing/test-context.ts';
import { createDevice, DeviceSizeError, MODEL_KEYS } from './registry.ts';
import { isSerialDevice } from './serial-device.ts';

const placement = (size: number) => ({ name: 'dev@10000000', base: 0x1000_0000, size });

describe('createDevice', () => {
  it.each([
    ['pl011', 'PL011'],
    ['gs101-uart', 'gs101-uart'],
    ['storage', 'storage'],
  ] as const)('builds a %s as model %s', (key, model) => {
    expect(createDevice(key, placement(0x1000), new RecordingContext()).model).toBe(model);
  });

  it('builds every key of its table, and each answers a read', () => {
    for (const key of MODEL_KEYS) {
      const device = createDevice(key, placement(0x400_0000), new RecordingContext());
      if (key !== 'absent') {
        expect(device.read(0, 4)).toBeTypeOf('number');
      }
      expect(isSerialDevice(device)).toBe(key === 'pl011' || key === 'gs101-uart');
    }
  });

  it.each(MODEL_KEYS)('%s: a narrow access reads as many bits as it has', (key) => {
    const offset = fc.oneof(fc.nat(0x2ff), fc.nat(0xfff));
    const word = fc.oneof(fc.nat(0xffff_ffff), fc.constantFrom(0, 1, 0xffff_ffff));
    const steps = fc.array(fc.tuple(offset, fc.constantFrom(1, 2, 4), fc.option(word)), { maxLength: 30 });
    fc.assert(
      fc.property(steps, (list) => {
        const bus = onBus(createDevice(key, placement(2 ** 28), new TimedContext()));
        for (const [at, width, value] of list) {
          const address = at - (at % width);
          try {
            if (value !== null) bus.write(address, width, value % 2 ** (8 * width));
            const read = bus.read(address, width);
            expect(Number.isInteger(read) && read >= 0 && read < 2 ** (8 * width), `${read} at ${address}`).toBe(true);
          } catch (error) {
            if (!(error instanceof BusAccessAbort)) throw error;
          }
        }
      }),
      { numRuns: 50 },
    );
  });

  it('refuses a placement that would cut registers off', () => {
    const build = () => createDevice('pl011', placement(0x40), new RecordingContext());
    expect(build).toThrow(DeviceSizeError);
    expect(build).toThrow('64 bytes are too few for a pl011, which takes 144');
  });

  it('passes reset values on', () => {
    const resetValues = new Map([[0x10, 5]]);
    const device = createDevice('storage', { ...placement(0x1000), resetValues }, new RecordingContext());
    expect(device.read(0x10, 4)).toBe(5);
  });

  it('gives a name to a place without a device, and an abort', () => {
    const bus = new Bus();
    const place = placement(0x1000);
    bus.attach({ ...place, device: createDevice('absent', place, new RecordingContext()) });
    expect(() => bus.read(0x1000_0010, 4)).toThrow(
      'read of 4 bytes at 0x10000010 (dev@10000000+0x10): this board has no device here',
    );
    expect(() => bus.write(0x1000_0010, 4, 1)).toThrow('this board has no device here');
  });

  it('puts the gs101 UART and its USI block side by side in one page', () => {
    const context = new RecordingContext();
    const bus = new Bus();
    const uart = { name: 'serial@10a00000', base: 0x10a0_0000, size: 0xc0 };
    const usi = { name: 'usi@10a000c0', base: 0x10a0_00c0, size: 0x20 };
    const host = { onTransmit: (byte: number) => context.sent.push(byte) };
    bus.attach({ ...uart, device: createDevice('gs101-uart', uart, context, host) });
    bus.attach({ ...usi, device: createDevice('storage', usi, context) });
    bus.write(0x10a0_0000, 4, 3);
    bus.write(0x10a0_0004, 4, 5);
    bus.write(0x10a0_00c8, 4, 2);
    for (const byte of bytesOf('ok')) {
      bus.write(0x10a0_0020, 4, byte);
    }
    expect([context.text, bus.read(0x10a0_00c8, 4)]).toEqual(['ok', 2]);
    expect(() => bus.read(0x10a0_00e0, 4)).toThrow('unmapped, 0x0 past usi@10a000c0');
    expect(() => bus.write(0x10a0_0020, 1, 0x41)).toThrow('serial@10a00000+0x20');
  });
});
