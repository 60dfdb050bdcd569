// SPDX-License-Identifier: GPL-2.0-only
/** The device-tree builder: what it writes, read back with the kernel's own reader. */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fdt, memoryRanges, memoryReservations, reservedMemory } from '#fdt/index.ts';
import { InputError } from '#workbench/input-error.ts';
import { type DeviceTreeBuilder, dtb } from './device-tree.ts';

const GiB = 2 ** 30;

const open = (tree: DeviceTreeBuilder): Fdt => Fdt.open(tree.build());
const ramOf = (tree: DeviceTreeBuilder): [number, number][] =>
  memoryRanges(open(tree)).map(({ start, end }) => [Number(start), Number(end - start)]);

describe('RAM', () => {
  it('is written as it is said: order, overlaps and sizes of zero included', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 2 ** 44 }), fc.integer({ min: 1, max: 2 ** 40 }), fc.boolean()), {
          maxLength: 12,
        }),
        (ranges) => {
          const tree = ranges.reduce((made, [base, size, ownNode]) => made.ram(base, size, { ownNode }), dtb());
          const said = ranges.map(([base, size]) => `${base} ${size}`);
          expect(new Set(ramOf(tree).map((range) => range.join(' ')))).toEqual(new Set(said));
        },
      ),
    );
    expect(ramOf(dtb().ram(0x8000_0000, '1G').ram(0x4000_0000, '64K'))).toEqual([
      [0x8000_0000, GiB],
      [0x4000_0000, 65_536],
    ]);
  });

  it('that does not fit one size cell is several entries, which touch', () => {
    expect(ramOf(dtb().cells(2, 1).ram(0x8_8000_0000, '6G'))).toEqual([
      [0x8_8000_0000, 2 * GiB],
      [0x9_0000_0000, 2 * GiB],
      [0x9_8000_0000, 2 * GiB],
    ]);
  });

  it('beyond its address cell is an error', () => {
    expect(() => dtb().cells(1, 1).ram(0x8_8000_0000, '1G').build()).toThrow(RangeError);
    expect(() => dtb().ram(0, '1 banana')).not.toThrow();
    expect(() => dtb().ram(0, '1 banana').build()).toThrow(InputError);
  });

  it('switched off has a node of its own', () => {
    const fdt = open(dtb().ram(0x8000_0000, '1G').ram(0x4000_0000, '1G', { status: 'disabled' }));
    expect(memoryRanges(fdt).map(({ start }) => start)).toEqual([0x8000_0000n]);
    expect(fdt.root.children.map(({ name }) => name)).toEqual(['chosen', 'memory@80000000', 'memory@40000000']);
  });
});

describe('reservations', () => {
  it('have name, place and flags; two of one name get different ones', () => {
    const fdt = open(
      dtb()
        .reserved(0x8100_0000, '1M', { name: 'secure', noMap: true })
        .reserved(0x8100_0000, '2M', { name: 'secure', reusable: true })
        .reserved(0x8200_0000, 4096, { status: 'disabled', compatible: 'shared-dma-pool' })
        .reservedAnywhere('4M', { alignment: '2M', within: [{ base: 0x8000_0000, size: '1G' }], noMap: true }),
    );
    const parent = fdt.root.children.find(({ name }) => name === 'reserved-memory')!;
    expect(parent.children.map(({ name, properties }) => [name, properties.map((p) => p.name).join()])).toEqual([
      ['secure@81000000', 'no-map,reg'],
      ['secure-2@81000000', 'reusable,reg'],
      ['region@82000000', 'compatible,status,reg'],
      ['dynamic', 'no-map,size,alignment,alloc-ranges'],
    ]);
    expect(reservedMemory(fdt).staticRegions).toHaveLength(2);
    expect(memoryReservations(open(dtb().memreserve(0x8000_0000, '64K')))).toMatchObject([
      { start: 0x8000_0000n, end: 0x8001_0000n },
    ]);
  });
});

describe('a builder', () => {
  it('never changes: what is made from it stands beside it', () => {
    const base = dtb().ram(0x8000_0000, '1G');
    const before = base.build();
    base.reserved(0x8100_0000, '1M').truncatedTo(4).build();
    expect(base.build()).toEqual(before);
  });

  it('sets, makes and removes nodes', () => {
    const tree = dtb()
      .node('/', { compatible: ['my,board', 'my,soc'] })
      .node('/soc/serial@1000', { reg: [0, 0x1000], 'clock-frequency': 24_000_000, big: 1n << 40n, flag: true })
      .chosen({ bootargs: 'quiet', stdoutPath: '/soc/serial@1000', initrd: { start: 1, end: 2, cells: 1 } });
    const fdt = open(tree);
    expect(fdt.root.findProperty('compatible')?.stringList()).toEqual(['my,board', 'my,soc']);
    const serial = fdt.root.children.find(({ name }) => name === 'soc')!.children[0]!;
    expect(serial.properties.map(({ name, value }) => [name, value.length])).toEqual([
      ['reg', 8],
      ['clock-frequency', 4],
      ['big', 8],
      ['flag', 0],
    ]);
    const left = open(tree.remove('/soc/serial@1000'));
    expect(left.root.children.find(({ name }) => name === 'soc')?.children).toHaveLength(0);
    expect(() => tree.remove('/soc/serial@2000')).toThrow('the tree has no such node');
  });

  it('takes a board’s devices, or a blob, in the cells that these were written in', () => {
    const fdt = open(dtb().from('pixel6').ram(0x8_8000_0000, '6G'));
    expect(fdt.root.children.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['cpus', 'psci', 'timer', 'chosen']),
    );
    expect(memoryRanges(fdt)).toHaveLength(3);
    expect(reservedMemory(fdt).staticRegions).toHaveLength(0);
    const whole = dtb().from('pixel6', { keepMemory: true });
    expect(memoryRanges(open(whole)).length).toBeGreaterThan(3);
    expect(dtb().fromBlob(whole.build()).build()).toEqual(whole.build());
    expect(dtb().fromBlob(dtb().memreserve(4096, 4096).build()).build()).toEqual(dtb().memreserve(4096, 4096).build());
    expect(() => dtb().from('pixel6').cells(2, 2)).toThrow('comes first');
    expect(() => dtb().ram(0, 4096).from('pixel6')).toThrow('comes first');
    expect(() => dtb().from('pixel7')).toThrow(/pixel7/);
  });

  it('damages the blob in the order of the calls', () => {
    const whole = dtb().ram(0x8000_0000, '1G').build();
    const damaged = dtb().ram(0x8000_0000, '1G').patch(4, [0, 0, 0, 9]).truncatedTo(40).build();
    expect(damaged).toHaveLength(40);
    expect(damaged.slice(0, 8)).toEqual(Uint8Array.of(...whole.slice(0, 4), 0, 0, 0, 9));
    expect(() => dtb().patch(1e6, [1]).build()).toThrow(RangeError);
  });
});
