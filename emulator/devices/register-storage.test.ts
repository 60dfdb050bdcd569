// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BusAbort } from '#emulator/bus/device.ts';
import { RecordingContext } from './testing/test-context.ts';
import { RegisterStorage } from './register-storage.ts';

const make = (options: Partial<ConstructorParameters<typeof RegisterStorage>[0]> = {}) => {
  const context = new RecordingContext();
  return { context, block: new RegisterStorage({ name: 'sysreg@10820000', size: 0x1_0000, context, ...options }) };
};

describe('RegisterStorage', () => {
  it('reads what was written, and reset values before and after', () => {
    const { block } = make({ resetValues: new Map([[0x10, 0xdead_beef]]) });
    expect([block.read(0x10, 4), block.read(0x14, 4)]).toEqual([0xdead_beef, 0]);
    block.write(0x10, 4, 0xffff_ffff);
    block.write(0xfffc, 4, 7);
    expect([block.read(0x10, 4), block.read(0xfffc, 4)]).toEqual([0xffff_ffff, 7]);
    block.reset();
    expect([block.read(0x10, 4), block.read(0xfffc, 4)]).toEqual([0xdead_beef, 0]);
  });

  it('agrees with plain memory on any mix of aligned accesses', () => {
    const access = fc.record({
      write: fc.boolean(),
      width: fc.constantFrom(1, 2, 4),
      slot: fc.nat(7),
      value: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(access, { maxLength: 60 }), (accesses) => {
        const { block } = make({ size: 32 });
        const memory = new DataView(new ArrayBuffer(32));
        const bits = { 1: 'Uint8', 2: 'Uint16', 4: 'Uint32' } as const;
        for (const { write, width, slot, value } of accesses) {
          const offset = slot * width;
          const masked = (value * 3) % 2 ** (8 * width);
          if (write) {
            block.write(offset, width, masked);
            memory[`set${bits[width]}`](offset, masked, true);
          } else {
            expect(block.read(offset, width)).toBe(memory[`get${bits[width]}`](offset, true));
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('reports each register that has no reset value once, when asked', () => {
    const { block, context } = make({ reportUnknown: true, resetValues: new Map([[0, 1]]) });
    block.read(0, 4);
    block.write(0x1020, 4, 1);
    block.read(0x1020, 4);
    block.read(0x26, 2);
    block.read(0x24, 4);
    expect(context.events).toEqual([
      { kind: 'mmio-unknown', device: 'sysreg@10820000', offset: '0x1020', access: 'write', width: 4, value: '0x1' },
      { kind: 'mmio-unknown', device: 'sysreg@10820000', offset: '0x24', access: 'read', width: 2, value: '0x0' },
    ]);
  });

  it('reports nothing otherwise', () => {
    const { block, context } = make();
    block.write(0, 4, 1);
    expect(context.events).toEqual([]);
  });

  it.each([
    [3, 2],
    [2, 4],
    [0x1_0000, 4],
    [-4, 4],
  ] as const)('refuses an access at offset %d of %d bytes', (offset, width) => {
    expect(() => make().block.read(offset, width)).toThrow(BusAbort);
    expect(() => make().block.write(offset, width, 0)).toThrow(BusAbort);
  });

  it.each([
    [2, 1],
    [0x1_0000, 1],
    [-4, 1],
    [0, -1],
    [0, 2 ** 32],
    [0, 0.5],
  ])('refuses a reset value at offset %d of %d', (offset, value) => {
    expect(() => make({ resetValues: new Map([[offset, value]]) })).toThrow(RangeError);
  });
});
