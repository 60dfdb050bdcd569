// SPDX-License-Identifier: GPL-2.0-only
/**
 * RAM in every shape that a device tree can describe, and the tree at every place. Each machine
 * boots to a steady state in which every frame is accounted for and every promise holds. The
 * expected values come from the tree's source, not from what the kernel read.
 */

import { describe, expect, it } from 'vitest';
import { createMachine } from '#workbench/index.ts';
import { boot, dtb } from '#workbench/testing.ts';
import { PHYSICAL_BITS } from './support/engines.ts';
import { findFaults, moveDeviceTree } from './support/sound-machine.ts';
import { span } from './support/spans.ts';
import { expectedMemoryOfTree, many, outOfOrder, treeBlob, type TreeSource } from './support/test-tree.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** RAM of the Pixel 6; the kernel is loaded at LOW + 512 KiB. */
const LOW = 0x8000_0000;
const HIGH = 0x8_8000_0000;

const ENOUGH = span(LOW, 128 * MiB);

const SHAPES: readonly [string, TreeSource][] = [
  ['one bank', { ram: [span(LOW, 256 * MiB)] }],
  ['one bank in a tree with one size cell', { ram: [span(LOW, 2 * GiB)], sizeCells: 1 }],
  ['banks in descending order', { ram: [span(HIGH, GiB), span(LOW + GiB, 512 * MiB), ENOUGH] }],
  ['a node for each bank', { ram: [span(HIGH, GiB), ENOUGH], memoryNodes: 'each' }],
  [
    'adjacent banks, which are one',
    { ram: [span(LOW, 64 * MiB), span(LOW + 64 * MiB, 64 * MiB), span(LOW + 128 * MiB, GiB)] },
  ],
  ['overlapping banks', { ram: [span(LOW, 256 * MiB), span(LOW + 128 * MiB, 256 * MiB), span(LOW + 100, 5000)] }],
  ['the same bank three times', { ram: [ENOUGH, ENOUGH, ENOUGH] }],
  ['a bank inside another', { ram: [span(LOW + MiB, MiB), span(LOW, 256 * MiB)] }],
  ['unaligned ends', { ram: [span(LOW + 1, 100 * MiB), span(HIGH + 0x801, 3 * MiB + 7)] }],
  [
    'banks that meet inside a page, far from the board’s own RAM',
    { ram: [ENOUGH, span(0x20_0000_0000, 8 * MiB + 0x800), span(0x20_0080_0800, 8 * MiB)] },
  ],
  ['ranges of size 0 among others', { ram: [span(LOW, 0), ENOUGH, span(HIGH, 0), span(0, 0)] }],
  ['banks smaller than a page, which hold none', { ram: [ENOUGH, span(HIGH + 1, 4096), span(HIGH + 16 * MiB, 4095)] }],
  ['a bank of one page', { ram: [ENOUGH, span(HIGH, 4096)] }],
  ['200 banks', { ram: [ENOUGH, ...many(200, (i) => span(HIGH + i * 8 * MiB, MiB + i * 4 * KiB))] }],
  [
    '200 banks, out of order, a node each',
    { ram: outOfOrder([ENOUGH, ...many(200, (i) => span(HIGH + i * 8 * MiB, 2 * MiB))]), memoryNodes: 'each' },
  ],
  [
    '200 banks, each in a GiB of its own',
    { ram: [ENOUGH, ...many(200, (i) => span(0x10_0000_0000 + i * GiB, 64 * KiB))] },
  ],
  ['200 banks of a page, a page apart', { ram: [ENOUGH, ...many(200, (i) => span(HIGH + i * 8 * KiB, 4 * KiB))] }],
  ['RAM in the second bank only', { ram: [span(HIGH, 6 * GiB)] }],
  [
    'RAM in the second bank only, with more reservations than fit .bss',
    {
      ram: [span(HIGH, 6 * GiB)],
      reserved: many(60, (i) => ({ at: [span(HIGH + i * MiB, 4096)] })),
    },
  ],
  [
    'more reservations than fit .bss, and mem_map far from the kernel',
    {
      ram: [ENOUGH, span(HIGH, GiB)],
      reserved: [
        { at: [span(LOW + 16 * MiB, 112 * MiB)] },
        ...many(250, (i) => ({ at: [span(LOW + MiB + i * 48 * KiB, 4096)] })),
      ],
    },
  ],
  ['RAM only above what 32 bits reach, in tiny pieces', { ram: many(150, (i) => span(HIGH + i * 2 * MiB, MiB)) }],
  [
    'holes of every size between banks',
    { ram: many(24, (i) => span(LOW + 2 ** i * 4096 * 2, 2 ** i * 4096)).filter(({ end }) => end <= LOW + 4 * GiB) },
  ],
  ['RAM near the last physical address', { ram: [ENOUGH, span(2 ** PHYSICAL_BITS - 2 * GiB, GiB)] }],
];

describe('RAM', () => {
  it.each(SHAPES)('%s', (_shape, source) => {
    const result = boot('pixel6', { dtb: treeBlob(source) });
    const { machine } = result;
    expect(result).toEndAs('steady');
    expect(findFaults(machine, expectedMemoryOfTree(source))).toEqual([]);
  });

  it('beyond the core’s physical addresses is left out, and the log says so', () => {
    const inReach = span(2 ** PHYSICAL_BITS - MiB, MiB);
    const tree = treeBlob({
      ram: [ENOUGH, span(2 ** PHYSICAL_BITS - MiB, 2 * MiB), span(2 ** 47 - MiB, 2 * MiB), span(2 ** 48, MiB)],
    });
    const result = boot('pixel6', { dtb: tree });
    const { machine } = result;
    expect(result).toEndAs('steady');
    expect(machine.serial.text).toContain(
      `[MEM] warning: 4194304 bytes lie at or above 2^${PHYSICAL_BITS}, beyond the reach of this core: not used`,
    );
    expect(findFaults(machine, { ram: [ENOUGH, inReach], reserved: [] })).toEqual([]);
  });

  it('named where the machine has devices does not answer when it is used, and the panic says so', () => {
    const result = boot('pixel6', { dtb: dtb().ram(0, '64M').ram(LOW, '128M') });
    expect(result).toPanicWith('PANIC: RAM that the device tree names does not answer');
    expect(result).toPrint('synchronous external abort');
  });
});

describe('the device tree itself', () => {
  const SOURCE: TreeSource = { ram: [span(LOW, 2 * GiB), span(HIGH, 2 * GiB)] };

  it.each([
    ['in the first pages of RAM', LOW],
    ['just below the kernel image', LOW + 512 * KiB - 4096],
    ['just above the kernel image', LOW + 512 * KiB + 208_896],
    ['at a multiple of 8 and no more', LOW + 33 * MiB + 4088],
    ['across a boundary of 2 MiB', LOW + 64 * MiB - 72],
    ['across a boundary of 1 GiB', LOW + GiB - 64],
    ['at the end of the low bank', LOW + 2 * GiB - 4096],
    ['in the high bank', HIGH + 512 * MiB],
    ['across a boundary of 1 GiB in the high bank', HIGH + 512 * MiB + GiB - 96],
  ])('%s', (_where, address) => {
    const machine = createMachine({ board: 'pixel6', dtb: treeBlob(SOURCE) });
    moveDeviceTree(machine, address);
    const outcome = machine.run({ timeoutNs: 10e9 });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(machine.serial.text).toContain(`[DTB] 0x${address.toString(16).padStart(10, '0')}: `);
    expect(findFaults(machine, expectedMemoryOfTree(SOURCE))).toEqual([]);
    machine.close();
  });

  it('outside the RAM that it names', () => {
    const source: TreeSource = { ram: [span(LOW, 128 * MiB)] };
    const machine = createMachine({ board: 'pixel6', dtb: treeBlob(source) });
    moveDeviceTree(machine, HIGH + 3 * GiB);
    expect(machine.run({ timeoutNs: 10e9 }).outcome, machine.serial.text).toBe('steady');
    expect(machine.serial.text).toContain('device tree  (not RAM)');
    expect(findFaults(machine, expectedMemoryOfTree(source))).toEqual([]);
    machine.close();
  });
});
