// SPDX-License-Identifier: GPL-2.0-only
/**
 * The generated tree against the bus it was generated with, read by an independent walker, and
 * against facts of the two boards.
 */

import { describe, expect, it } from 'vitest';
import { BoardError } from './board-error.ts';
import { buildDeviceTree } from './device-tree.ts';
import { findBoard } from './registry.ts';
import { allNodes, cellsOf, deviceWindows, join, nodeAt, stringsOf, valueOf } from './testing/tree-query.ts';
import { cells, pathTo, ref } from './tree-source.ts';
import type { Board, BoardOptions } from './types.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;
const NOT_DEVICES = ['cpus', 'memory', 'reserved-memory'];

const CONFIGURATIONS: readonly [string, BoardOptions][] = [
  ['qemu-virt', {}],
  ['qemu-virt', { gicVersion: 3 }],
  ['qemu-virt', { cpus: 8, memoryBytes: 64 * MiB }],
  ['pixel6', {}],
  ['pixel6', { cpus: 1, memoryBytes: 96 * MiB }],
  ['pixel6', { cpus: 5, memoryBytes: 64 * GiB }],
  ['rpi4', {}],
  ['rpi4', { cpus: 1, memoryBytes: 8 * GiB }],
];

function windowsOf(board: Board) {
  return deviceWindows(buildDeviceTree(board), NOT_DEVICES);
}

describe.each(CONFIGURATIONS)('%s %o', (name, options) => {
  const board = findBoard(name).create(options);

  it('has every window of its tree on the bus', () => {
    const windows = windowsOf(board);
    expect(windows.map(({ base }) => base)).toContain(board.kernelConsole.base);
    for (const window of windows) {
      const device = board.devices.find((candidate) => candidate.base === window.base);
      expect(device, `${window.path} at 0x${window.base.toString(16)}`).toBeDefined();
      const size = device?.size ?? 0;
      // Some nodes describe the first registers only.
      const described = device?.nodes.flatMap(({ regBytes }) => regBytes ?? []) ?? [];
      expect([size, ...described], window.path).toContain(window.size);
    }
  });

  it('has every described placement in its tree', () => {
    const bases = new Set(windowsOf(board).map((window) => window.base));
    const described = board.devices.filter((device) => device.nodes.some((node) => node.reg !== 'none'));
    expect(described.map(({ name: placement }) => placement)).toContain(board.kernelConsole.device);
    for (const device of described) expect(bases, device.name).toContain(device.base);
  });

  it('leaves no modelled device undescribed', () => {
    const bases = new Set(windowsOf(board).map((window) => window.base));
    for (const device of board.devices) {
      if (['storage', 'absent', 'rom'].includes(device.model)) continue;
      expect(bases, device.name).toContain(device.base);
    }
  });

  it('names nodes by their address and never two alike', () => {
    for (const { path, node } of allNodes(buildDeviceTree(board))) {
      const names = node.children.map((child) => child.name);
      expect(new Set(names).size, path).toBe(names.length);
    }
  });

  it('states all of RAM in /memory, each bank as it is', () => {
    const root = buildDeviceTree(board);
    const sizeCells = cellsOf(root, '#size-cells')[0] ?? 0;
    const nodes = root.children.filter((node) => stringsOf(node, 'device_type')[0] === 'memory');
    const banks = nodes.map((node) => {
      const reg = cellsOf(node, 'reg');
      const entries = [];
      for (let i = 0; i < reg.length; i += 2 + sizeCells) {
        entries.push({ base: join(reg.slice(i, i + 2)), size: join(reg.slice(i + 2, i + 2 + sizeCells)) });
      }
      const [first] = entries;
      let end = first?.base ?? 0;
      for (const entry of entries) {
        expect(entry.base).toBe(end);
        end += entry.size;
      }
      return { base: first?.base, size: end - (first?.base ?? 0) };
    });
    expect(banks).toEqual(board.ramBanks);
  });

  it('uses as many cells for an interrupt as its controller says', () => {
    for (const { path, node } of allNodes(buildDeviceTree(board))) {
      const lines = cellsOf(node, 'interrupts');
      if (lines.length === 0) continue;
      const count = board.interruptController.cells;
      expect(lines.length % count, path).toBe(0);
      for (let i = 0; i < lines.length; i += count) expect([0, 1], path).toContain(lines[i]);
    }
  });

  it('is the same tree each time', () => {
    expect(buildDeviceTree(board, { seed: 7 })).toEqual(buildDeviceTree(findBoard(name).create(options), { seed: 7 }));
  });
});

describe('pixel6', () => {
  const board = findBoard('pixel6').create();
  const root = buildDeviceTree(board);

  it('says 6 GiB of the high bank as three entries, because one size cell cannot', () => {
    expect(cellsOf(root, '#address-cells')).toEqual([2]);
    expect(cellsOf(root, '#size-cells')).toEqual([1]);
    expect(cellsOf(nodeAt(root, '/memory@80000000'), 'reg')).toEqual([0, 0x8000_0000, 0x8000_0000]);
    expect(cellsOf(nodeAt(root, '/memory@880000000'), 'reg')).toEqual([
      8, 0x8000_0000, 0x8000_0000, 9, 0, 0x8000_0000, 9, 0x8000_0000, 0x8000_0000,
    ]);
  });

  it('has the eight cores, their clusters and their conduit', () => {
    const cpus = nodeAt(root, '/cpus').children.filter((node) => node.name.startsWith('cpu@'));
    expect(cpus.map((cpu) => cellsOf(cpu, 'reg')[0])).toEqual([0, 0x100, 0x200, 0x300, 0x400, 0x500, 0x600, 0x700]);
    expect(cpus.map((cpu) => stringsOf(cpu, 'compatible')[0])).toEqual([
      ...Array<string>(4).fill('arm,cortex-a55'),
      ...Array<string>(2).fill('arm,cortex-a76'),
      ...Array<string>(2).fill('arm,cortex-x1'),
    ]);
    const map = nodeAt(root, '/cpus/cpu-map');
    expect(map.children.map((cluster) => [cluster.name, cluster.children.length])).toEqual([
      ['cluster0', 4],
      ['cluster1', 2],
      ['cluster2', 2],
    ]);
    expect(stringsOf(nodeAt(root, '/psci'), 'method')).toEqual(['smc']);
  });

  it('describes the console with four-cell interrupts', () => {
    const path = '/soc@0/usi@10a000c0/serial@10a00000';
    expect(stringsOf(nodeAt(root, '/chosen'), 'stdout-path')).toEqual([path]);
    expect(stringsOf(nodeAt(root, '/aliases'), 'serial0')).toEqual([path]);
    expect(cellsOf(nodeAt(root, path), 'reg')).toEqual([0x10a0_0000, 0xc0]);
    expect(cellsOf(nodeAt(root, path), 'interrupts')).toEqual([0, 634, 4, 0]);
  });

  it('gives timer and performance monitors their PPIs and partitions', () => {
    expect(cellsOf(nodeAt(root, '/timer'), 'interrupts')).toEqual(
      [13, 14, 11, 10, 12].flatMap((ppi) => [1, ppi, 0xff08, 0]),
    );
    const partition = nodeAt(root, '/soc@0/interrupt-controller@10400000/ppi-partitions/interrupt-partition-1');
    expect(cellsOf(partition, 'affinity')).toHaveLength(2);
    expect(cellsOf(nodeAt(root, '/pmu-1'), 'interrupts')).toEqual([1, 7, 4, cellsOf(partition, 'phandle')[0]]);
  });

  it('reserves what upstream and the boot loader reserve, unmapped, in the cells of the root', () => {
    const reserved = nodeAt(root, '/reserved-memory');
    expect(cellsOf(reserved, '#address-cells')).toEqual([2]);
    expect(cellsOf(reserved, '#size-cells')).toEqual([1]);
    expect(valueOf(reserved, 'ranges')).toHaveLength(0);
    const found = reserved.children.map((node) => [node.name, ...cellsOf(node, 'reg')]);
    expect(found).toContainEqual(['gsa@90200000', 0, 0x9020_0000, 0x40_0000]);
    expect(found).toContainEqual(['splash@fac00000', 0, 0xfac0_0000, 0x9e_3400]);
    expect(found).toContainEqual(['sec_dram', 0, 0xb720_0000, 0x8e0_0000]);
    expect(found).toHaveLength(12);
    for (const node of reserved.children) expect(valueOf(node, 'no-map'), node.name).not.toBeNull();
  });

  it('has no /reserved-memory when none of it lies in RAM', () => {
    const small = buildDeviceTree(findBoard('pixel6').create({ memoryBytes: 96 * MiB }));
    expect(small.children.map((node) => node.name)).not.toContain('reserved-memory');
  });
});

describe('qemu-virt', () => {
  it('has the windows and names of QEMU with GICv2', () => {
    const root = buildDeviceTree(findBoard('qemu-virt').create({ cpus: 4 }));
    expect(cellsOf(nodeAt(root, '/memory@40000000'), 'reg')).toEqual([0, 0x4000_0000, 0, 0x4000_0000]);
    const intc = nodeAt(root, '/intc@8000000');
    expect(stringsOf(intc, 'compatible')).toEqual(['arm,cortex-a15-gic']);
    expect(cellsOf(intc, 'reg')).toEqual([0, 0x800_0000, 0, 0x1_0000, 0, 0x801_0000, 0, 0x1_0000]);
    expect(cellsOf(nodeAt(root, '/timer'), 'interrupts')).toEqual([13, 14, 11, 10].flatMap((ppi) => [1, ppi, 0xf04]));
    expect(cellsOf(nodeAt(root, '/virtio_mmio@a003e00'), 'interrupts')).toEqual([0, 47, 1]);
    expect(cellsOf(nodeAt(root, '/pcie@10000000'), 'reg')).toEqual([0x40, 0x1000_0000, 0, 0x1000_0000]);
    expect(cellsOf(nodeAt(root, '/pcie@10000000'), 'interrupt-map')).toHaveLength(160);
    expect(stringsOf(nodeAt(root, '/psci'), 'method')).toEqual(['hvc']);
    expect(cellsOf(nodeAt(root, '/psci'), 'cpu_on')).toEqual([0xc400_0003]);
    expect(stringsOf(nodeAt(root, '/chosen'), 'stdout-path')).toEqual(['/pl011@9000000']);
  });

  it('has the windows of QEMU with GICv3, whose PPIs name no core', () => {
    const root = buildDeviceTree(findBoard('qemu-virt').create({ cpus: 4, gicVersion: 3 }));
    const intc = nodeAt(root, '/intc@8000000');
    expect(stringsOf(intc, 'compatible')).toEqual(['arm,gic-v3']);
    expect(cellsOf(intc, 'reg')).toEqual([0, 0x800_0000, 0, 0x1_0000, 0, 0x80a_0000, 0, 0xf6_0000]);
    expect(cellsOf(nodeAt(root, '/timer'), 'interrupts')).toEqual([13, 14, 11, 10].flatMap((ppi) => [1, ppi, 4]));
  });

  it.each([2, 3])('has what QEMU adds for a guest at EL2, with GICv%i', (gicVersion) => {
    const root = buildDeviceTree(findBoard('qemu-virt').create({ gicVersion, el: 2 }));
    const intc = nodeAt(root, '/intc@8000000');
    expect(cellsOf(intc, 'interrupts')).toEqual([1, 9, 4]);
    expect(cellsOf(intc, 'reg').slice(8)).toEqual(
      gicVersion === 2 ? [0, 0x803_0000, 0, 0x1_0000, 0, 0x804_0000, 0, 0x1_0000] : [],
    );
    expect(stringsOf(nodeAt(root, '/psci'), 'method')).toEqual(['smc']);
  });

  it('says a bank above 4 GiB in one entry, having two size cells', () => {
    const root = buildDeviceTree(findBoard('qemu-virt').create({ memoryBytes: 8 * GiB }));
    expect(cellsOf(nodeAt(root, '/memory@40000000'), 'reg')).toEqual([0, 0x4000_0000, 2, 0]);
  });
});

describe('/chosen', () => {
  const board = findBoard('pixel6').create();

  it('is not random without a seed, and depends on the seed alone with one', () => {
    const plain = nodeAt(buildDeviceTree(board), '/chosen');
    expect(valueOf(plain, 'rng-seed')).toBeNull();
    expect(valueOf(plain, 'kaslr-seed')).toBeNull();
    const one = nodeAt(buildDeviceTree(board, { seed: 1 }), '/chosen');
    const two = nodeAt(buildDeviceTree(board, { seed: 2n }), '/chosen');
    expect(valueOf(one, 'rng-seed')).toHaveLength(32);
    expect(valueOf(one, 'kaslr-seed')).toHaveLength(8);
    expect(valueOf(one, 'rng-seed')).not.toEqual(valueOf(two, 'rng-seed'));
  });

  it('carries bootargs in UTF-8 and an initrd in the high bank', () => {
    const options = { bootargs: 'console=ttySAC0 name=Zoë✓𝄞', initrd: { start: 0x8_8000_0000, end: 0x8_8012_3456 } };
    const chosen = nodeAt(buildDeviceTree(board, options), '/chosen');
    expect(stringsOf(chosen, 'bootargs')).toEqual([options.bootargs]);
    expect(cellsOf(chosen, 'linux,initrd-start')).toEqual([8, 0x8000_0000]);
    expect(cellsOf(chosen, 'linux,initrd-end')).toEqual([8, 0x8012_3456]);
  });
});

describe('a board with a mistake in its tree', () => {
  const board = findBoard('qemu-virt').create();
  const withNode = (extra: Board['tree'][number]): Board => ({ ...board, tree: [...board.tree, extra] });

  it.each([
    ['an unknown label', withNode({ name: 'x', properties: { clocks: cells(ref('nobody')) } }), /labelled "nobody"/],
    ['an unknown path', withNode({ name: 'x', properties: { path: pathTo('nobody') } }), /labelled "nobody"/],
    ['a label used twice', withNode({ name: 'x', label: 'uart0', properties: {} }), /two nodes labelled "uart0"/],
    ['a cell that is not 32 bits', withNode({ name: 'x', properties: { n: cells(2 ** 32) } }), /not a 32-bit cell/],
    ['a device that does not exist', withNode({ devices: ['nobody'] }), /no device "nobody"/],
    ['a device without a root node', withNode({ devices: ['flash1'] }), /"flash1" has no node/],
  ])('is refused: %s', (_, broken, message) => {
    expect(() => buildDeviceTree(broken)).toThrow(BoardError);
    expect(() => buildDeviceTree(broken)).toThrow(message);
  });

  it('is refused: a device below a parent that does not exist', () => {
    const orphan = { ...board.devices[0], name: 'orphan', nodes: [{ name: 'x', parent: 'nobody', properties: {} }] };
    const broken = { ...board, devices: [...board.devices, orphan] } as Board;
    expect(() => buildDeviceTree(broken)).toThrow(/labelled "nobody"/);
  });
});
