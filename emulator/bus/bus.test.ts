// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bus, type BusRegion } from './bus.ts';
import { BusAccessAbort, BusOverlapError, BusRangeError } from './bus-errors.ts';
import { type AccessWidth, BusAbort, type Device } from './device.ts';
import { type BusAccess, TracedBus } from './traced-bus.ts';

/** Records every access; reads answer the offset, marked in the top byte. Refuses offset 0x10. */
class RecordingDevice implements Device {
  readonly model = 'recorder';
  readonly accesses: string[] = [];
  resets = 0;

  read(offset: number, width: AccessWidth): number {
    this.refuse(offset);
    this.accesses.push(`r${width}@${offset}`);
    return (0xa000_0000 + offset) % 2 ** (8 * width);
  }

  write(offset: number, width: AccessWidth, value: number): void {
    this.refuse(offset);
    this.accesses.push(`w${width}@${offset}=${value.toString(16)}`);
  }

  reset(): void {
    this.resets++;
  }

  saveState(): null {
    return null;
  }

  restoreState(): void {}

  private refuse(offset: number): void {
    if (offset === 0x10) {
      throw new BusAbort('protected register');
    }
  }
}

const region = (name: string, base: number, size: number, device: Device = new RecordingDevice()): BusRegion => ({
  name,
  base,
  size,
  device,
});

function abortOf(action: () => unknown): BusAccessAbort {
  try {
    action();
  } catch (error) {
    if (error instanceof BusAccessAbort) {
      return error;
    }
    throw error;
  }
  throw new Error('the access was answered');
}

describe('Bus.attach', () => {
  it('refuses an overlap and names both ranges', () => {
    const bus = new Bus();
    bus.attach(region('serial@10a00000', 0x10a0_0000, 0xc0));
    const overlap = () => bus.attach(region('usi@10a000a0', 0x10a0_00a0, 0x40));
    expect(overlap).toThrow(BusOverlapError);
    expect(overlap).toThrow(
      'bus: usi@10a000a0 [0x10a000a0, 0x10a000e0) overlaps serial@10a00000 [0x10a00000, 0x10a000c0)',
    );
    try {
      overlap();
    } catch (error) {
      expect(error).toMatchObject({
        added: { name: 'usi@10a000a0', base: 0x10a0_00a0, size: 0x40 },
        existing: { name: 'serial@10a00000', base: 0x10a0_0000, size: 0xc0 },
      });
    }
    expect(bus.regions()).toHaveLength(1);
  });

  it('lets two devices share a page when they share no byte', () => {
    const bus = new Bus();
    const usi = new RecordingDevice();
    bus.attach(region('usi@10a000c0', 0x10a0_00c0, 0x20, usi));
    bus.attach(region('serial@10a00000', 0x10a0_0000, 0xc0));
    bus.write(0x10a0_00c4, 4, 7);
    expect(usi.accesses).toEqual(['w4@4=7']);
    expect(bus.regions().map((entry) => entry.name)).toEqual(['serial@10a00000', 'usi@10a000c0']);
  });

  it.each([
    ['an empty range', 0x1000, 0],
    ['a negative size', 0x1000, -8],
    ['a fractional size', 0x1000, 1.5],
    ['a base that is not a multiple of 8', 0x1004, 8],
    ['a negative base', -8, 16],
    ['a base that is not a number', Number.NaN, 16],
    ['a range past the physical address space', 2 ** 52 - 8, 16],
  ])('refuses %s', (_title, base, size) => {
    const bus = new Bus();
    expect(() => bus.attach(region('bad', base, size))).toThrow(BusRangeError);
    expect(bus.regions()).toEqual([]);
  });

  it('refuses a device without a name', () => {
    expect(() => new Bus().attach(region('', 0, 8))).toThrow('a device needs a name');
  });

  it('accepts exactly the ranges that a byte-by-byte model accepts, and finds what the model finds', () => {
    const ranges = fc.array(fc.record({ slot: fc.nat(40), size: fc.integer({ min: 1, max: 80 }) }), { maxLength: 24 });
    fc.assert(
      fc.property(ranges, (wanted) => {
        const bus = new Bus();
        const owner: (string | null)[] = new Array(500).fill(null);
        for (const [index, { slot, size }] of wanted.entries()) {
          const base = slot * 8;
          const free = owner.slice(base, base + size).every((name) => name === null);
          const attach = () => bus.attach(region(`d${index}`, base, size));
          if (free) {
            attach();
            owner.fill(`d${index}`, base, base + size);
          } else {
            expect(attach).toThrow(BusOverlapError);
          }
        }
        for (const [pa, name] of owner.entries()) {
          expect(bus.find(pa)?.name ?? null).toBe(name);
        }
        const bases = bus.regions().map((entry) => entry.base);
        expect(bases).toEqual([...bases].sort((a, b) => a - b));
      }),
      { numRuns: 200 },
    );
  });
});

describe('Bus access', () => {
  const HIGH = 0x8_8000_0000; // above 32 bits, where JavaScript's bit operators go wrong

  it.each([
    [0x0900_0000, 1],
    [0x0900_0000, 2],
    [0x0900_0000, 4],
    [HIGH, 4],
    [2 ** 51, 4],
  ] as const)('passes offset and width to the device at %d, width %d', (base, width) => {
    const bus = new Bus();
    const device = new RecordingDevice();
    bus.attach(region('dev', base, 0x1000, device));
    expect(bus.read(base + 0x20, width)).toBe(0xa000_0020 % 2 ** (8 * width));
    bus.write(base + 0x24, width, 0x7f);
    expect(device.accesses).toEqual([`r${width}@32`, `w${width}@36=7f`]);
  });

  it('splits 8 bytes in two accesses of 4, lower address first', () => {
    const bus = new Bus();
    const device = new RecordingDevice();
    bus.attach(region('dev', HIGH, 0x1000, device));
    expect(bus.read64(HIGH + 8)).toBe(0xa000_000c_a000_0008n);
    bus.write64(HIGH + 8, 0xfedc_ba98_7654_3210n);
    expect(device.accesses).toEqual(['r4@8', 'r4@12', 'w4@8=76543210', 'w4@12=fedcba98']);
  });

  it('aborts where there is no device, with the access and the nearest device below', () => {
    const bus = new Bus();
    bus.attach(region('serial@9000000', 0x0900_0000, 0x1000));
    const write = abortOf(() => bus.write(0x0900_1040, 4, 0xbeef));
    expect(write).toMatchObject({
      reason: 'unmapped',
      access: { pa: 0x0900_1040, width: 4, value: 0xbeef },
      place: 'unmapped, 0x40 past serial@9000000',
    });
    expect(write.message).toContain('write of 4 bytes at 0x9001040');
    expect(write.toEventFields()).toEqual({
      device: 'unmapped, 0x40 past serial@9000000',
      reason: 'unmapped',
      access: 'write',
      address: '0x9001040',
      width: 4,
      value: '0xbeef',
    });
    expect(abortOf(() => bus.read(0, 1))).toMatchObject({ reason: 'unmapped', place: 'unmapped' });
    expect(abortOf(() => bus.read(0, 1)).toEventFields()).not.toHaveProperty('value');
  });

  it('aborts an access that is only partly inside, before the device sees any of it', () => {
    const bus = new Bus();
    const device = new RecordingDevice();
    bus.attach(region('fw-cfg@9020000', 0x0902_0000, 0x1c, device));
    bus.attach(region('next', 0x0902_0020, 0x20));
    expect(abortOf(() => bus.read64(0x0902_0018))).toMatchObject({
      reason: 'partly-outside',
      place: 'fw-cfg@9020000+0x18',
    });
    expect(abortOf(() => bus.write64(0x0902_0018, 1n)).message).toContain('the device ends at 0x902001c');
    expect(device.accesses).toEqual([]);
  });

  it('answers an access exactly when it is aligned and all its bytes belong to one device', () => {
    const layout = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 6 });
    const access = fc.record({ pa: fc.nat(160), width: fc.constantFrom(1, 2, 4, 8), write: fc.boolean() });
    fc.assert(
      fc.property(layout, fc.array(access, { maxLength: 20 }), (sizes, accesses) => {
        const bus = new Bus();
        const owner: (number | null)[] = new Array(200).fill(null);
        for (const [index, size] of sizes.entries()) {
          const silent: Device = {
            model: 'silent',
            read: () => 0,
            write: () => {},
            reset: () => {},
            saveState: () => null,
            restoreState: () => {},
          };
          bus.attach(region(`d${index}`, index * 24, size, silent));
          owner.fill(index, index * 24, index * 24 + size);
        }
        for (const { pa, width, write } of accesses) {
          const first = owner[pa] ?? null;
          const inside = first !== null && owner.slice(pa, pa + width).every((name) => name === first);
          const perform = () => {
            if (width === 8) {
              return write ? bus.write64(pa, 0n) : bus.read64(pa);
            }
            return write ? bus.write(pa, width, 0) : bus.read(pa, width);
          };
          if (inside && pa % width === 0) {
            expect(perform).not.toThrow();
          } else {
            expect(abortOf(perform).reason).toBe(
              first === null ? 'unmapped' : pa % width !== 0 ? 'unaligned' : 'partly-outside',
            );
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    [2, 1],
    [4, 2],
    [4, 1],
  ] as const)('aborts an access of %d bytes at offset %d as unaligned', (width, offset) => {
    const bus = new Bus();
    bus.attach(region('dev', HIGH, 0x100));
    expect(abortOf(() => bus.read(HIGH + offset, width)).reason).toBe('unaligned');
    expect(abortOf(() => bus.write(HIGH + offset, width, 0)).reason).toBe('unaligned');
  });

  it('aborts 8 bytes at a multiple of 4 as unaligned', () => {
    const bus = new Bus();
    bus.attach(region('dev', HIGH, 0x100));
    expect(abortOf(() => bus.read64(HIGH + 4)).reason).toBe('unaligned');
  });

  it("adds the access to a device's refusal", () => {
    const bus = new Bus();
    bus.attach(region('dev', 0x1000, 0x100));
    const abort = abortOf(() => bus.read(0x1010, 4));
    expect(abort).toBeInstanceOf(BusAbort);
    expect(abort).toMatchObject({ reason: 'device', place: 'dev+0x10' });
    expect(abort.message).toBe('read of 4 bytes at 0x1010 (dev+0x10): protected register');
    expect(abortOf(() => bus.write64(0x1010, 5n)).access).toEqual({ pa: 0x1010, width: 8, value: 5n });
  });

  it('does not turn a fault of the emulator into an abort', () => {
    const bus = new Bus();
    const broken: Device = {
      model: 'broken',
      read: () => {
        throw new TypeError('bug');
      },
      write: () => {},
      reset: () => {},
      saveState: () => null,
      restoreState: () => {},
    };
    bus.attach(region('dev', 0, 8, broken));
    expect(() => bus.read(0, 4)).toThrow(TypeError);
  });

  it('resets every device once', () => {
    const bus = new Bus();
    const twice = new RecordingDevice();
    const once = new RecordingDevice();
    bus.attach(region('bank0', 0, 8, twice));
    bus.attach(region('bank1', 8, 8, twice));
    bus.attach(region('other', 16, 8, once));
    bus.reset();
    expect([twice.resets, once.resets]).toEqual([1, 1]);
  });
});

describe('TracedBus', () => {
  it('tells of every access that a device answered, 8 bytes as one, and of no other', () => {
    const seen: BusAccess[] = [];
    const bus = new TracedBus((access) => seen.push(access));
    const device = new RecordingDevice();
    bus.attach(region('serial@1000', 0x1000, 0x40, device));
    expect(bus.read(0x1020, 4)).toBe(0xa000_0020);
    bus.write(0x1024, 2, 0xbeef);
    expect(bus.read64(0x1028)).toBe(0xa000_002c_a000_0028n);
    bus.write64(0x1030, 0x1_2222_2222_3333_3333n);
    expect(() => bus.read(0x1010, 4)).toThrow(BusAccessAbort);
    expect(() => bus.write(0x2000, 4, 0)).toThrow(BusAccessAbort);
    expect(seen).toEqual([
      { device: 'serial@1000', offset: 0x20, width: 4, write: false, value: 0xa000_0020 },
      { device: 'serial@1000', offset: 0x24, width: 2, write: true, value: 0xbeef },
      { device: 'serial@1000', offset: 0x28, width: 8, write: false, value: 0xa000_002c_a000_0028n },
      { device: 'serial@1000', offset: 0x30, width: 8, write: true, value: 0x2222_2222_3333_3333n },
    ]);
    expect(device.accesses).toHaveLength(6);
  });
});
