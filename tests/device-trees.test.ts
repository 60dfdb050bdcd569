/**
 * Device trees that are not the boards' own: shapes that a person or a boot loader may hand over. Each boots to a steady state in which every frame
 * is accounted for and no promise is broken, worked out from the tree's source and not from what the kernel read.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OwnerKind } from '../kernel-ts/kernel/mm/owner.ts';
import { bootBoard, createMachine } from '../scripts/index.ts';
import type { LevitateMachine } from '../scripts/machine/levitate-machine.ts';
import { DebianPackageError } from '../scripts/setup/debian-packages.ts';
import { upstreamOrioleDtb } from '../scripts/setup/upstream-oriole-dtb.ts';
import '../scripts/testing.ts';
import { findFaults, factsOf, kernelSpans, type MemoryFacts, moveDeviceTree } from './support/sound-machine.ts';
import { common, pagesTouched, type Span, span } from './support/spans.ts';
import { factsOfTree, type Reserved, treeBlob, type TreeSource } from './support/test-tree.ts';

const KiB = 2 ** 10;
const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** RAM of the Pixel 6; the kernel is loaded at LOW + 512 KiB. */
const LOW = 0x8000_0000;
const HIGH = 0x8_8000_0000;

/** n items made by `make`. */
function many<T>(n: number, make: (index: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => make(i));
}

/** A fixed shuffle: the order of a stride that shares no factor with the length. */
function outOfOrder<T>(items: readonly T[]): T[] {
  return items.map((_, i) => items[(i * 37 + 11) % items.length] as T);
}

const ENOUGH = span(LOW, 128 * MiB);

const SHAPES: readonly [string, TreeSource][] = [
  ['one bank', { ram: [span(LOW, 256 * MiB)] }],
  ['one bank in a tree with one size cell', { ram: [span(LOW, 2 * GiB)], sizeCells: 1 }],
  ['banks in descending order', { ram: [span(HIGH, GiB), span(LOW + GiB, 512 * MiB), ENOUGH] }],
  ['a node for each bank', { ram: [span(HIGH, GiB), ENOUGH], memoryNodes: 'each' }],
  ['adjacent banks, which are one', { ram: [span(LOW, 64 * MiB), span(LOW + 64 * MiB, 64 * MiB), span(LOW + 128 * MiB, GiB)] }],
  ['overlapping banks', { ram: [span(LOW, 256 * MiB), span(LOW + 128 * MiB, 256 * MiB), span(LOW + 100, 5000)] }],
  ['the same bank three times', { ram: [ENOUGH, ENOUGH, ENOUGH] }],
  ['a bank inside another', { ram: [span(LOW + MiB, MiB), span(LOW, 256 * MiB)] }],
  ['unaligned ends', { ram: [span(LOW + 1, 100 * MiB), span(HIGH + 0x801, 3 * MiB + 7)] }],
  ['banks that meet inside a page, far from the board’s own RAM', { ram: [ENOUGH, span(0x20_0000_0000, 8 * MiB + 0x800), span(0x20_0080_0800, 8 * MiB)] }],
  ['ranges of size 0 among others', { ram: [span(LOW, 0), ENOUGH, span(HIGH, 0), span(0, 0)] }],
  ['banks smaller than a page, which hold none', { ram: [ENOUGH, span(HIGH + 1, 4096), span(HIGH + 16 * MiB, 4095)] }],
  ['a bank of one page', { ram: [ENOUGH, span(HIGH, 4096)] }],
  ['200 banks', { ram: [ENOUGH, ...many(200, (i) => span(HIGH + i * 8 * MiB, MiB + i * 4 * KiB))] }],
  ['200 banks, out of order, a node each', { ram: outOfOrder([ENOUGH, ...many(200, (i) => span(HIGH + i * 8 * MiB, 2 * MiB))]), memoryNodes: 'each' }],
  ['200 banks, each in a GiB of its own', { ram: [ENOUGH, ...many(200, (i) => span(0x10_0000_0000 + i * GiB, 64 * KiB))] }],
  ['200 banks of a page, a page apart', { ram: [ENOUGH, ...many(200, (i) => span(HIGH + i * 8 * KiB, 4 * KiB))] }],
  ['RAM in the second bank only', { ram: [span(HIGH, 6 * GiB)] }],
  ['RAM in the second bank only, with more reservations than fit .bss', {
    ram: [span(HIGH, 6 * GiB)],
    reserved: many(60, (i) => ({ at: [span(HIGH + i * MiB, 4096)] })),
  }],
  ['RAM only above what 32 bits reach, in tiny pieces', { ram: many(150, (i) => span(HIGH + i * 2 * MiB, MiB)) }],
  ['holes of every size between banks', { ram: many(24, (i) => span(LOW + 2 ** i * 4096 * 2, 2 ** i * 4096)).filter(({ end }) => end <= LOW + 4 * GiB) }],
  ['RAM above a terabyte', { ram: [ENOUGH, span(0x100_0000_0000, GiB)] }],
];

const RESERVATIONS: readonly [string, readonly Reserved[]][] = [
  ['one with several reg tuples', [{ at: many(40, (i) => span(LOW + 32 * MiB + i * 128 * KiB, 64 * KiB)) }]],
  ['no-map', [{ at: [span(LOW + 32 * MiB, 3 * MiB)], noMap: true }]],
  ['no-map with odd ends', [{ at: [span(LOW + 32 * MiB + 3, 8190)], noMap: true }]],
  ['switched off', [{ at: [span(LOW + 32 * MiB, MiB)], status: 'disabled' }, { at: [span(LOW + 40 * MiB, MiB)], status: 'okay' }]],
  ['reusable', [{ at: [span(LOW + 32 * MiB, MiB)], reusable: true }]],
  ['overlapping, one of them no-map', [{ at: [span(LOW + 32 * MiB, 4 * MiB)], noMap: true }, { at: [span(LOW + 34 * MiB, 4 * MiB)] }]],
  ['on the kernel image and the device tree', [{ at: [span(LOW + 600 * KiB, 4096), span(0x9e00_0000, 8192)] }]],
  ['across the end of RAM, and outside it', [{ at: [span(LOW + 127 * MiB, 4 * MiB), span(HIGH, GiB), span(0, MiB)] }]],
  ['of all but the top', [{ at: [span(LOW, 64 * MiB)] }]],
  ['300 of them', many(300, (i) => ({ at: [span(LOW + 16 * MiB + i * 64 * KiB, 4096 * (1 + (i % 9)))], noMap: i % 3 === 0 }))],
  ['600 of them, out of order and overlapping', outOfOrder(many(600, (i) => ({ at: [span(LOW + 16 * MiB + i * 32 * KiB, 40 * KiB)], noMap: i % 5 === 0 })))],
  ['a page in each 2 MiB', many(60, (i) => ({ at: [span(LOW + 2 * MiB + i * 2 * MiB, 4096)], noMap: true }))],
  ['every second page of 8 MiB', many(1024, (i) => ({ at: [span(LOW + 32 * MiB + i * 8 * KiB, 4096)] }))],
];

function expectSound(machine: LevitateMachine, facts: MemoryFacts): void {
  expect(findFaults(machine, facts)).toEqual([]);
}

describe('RAM', () => {
  it.each(SHAPES)('%s', (_shape, source) => {
    const { outcome, machine } = bootBoard('pixel6', { dtb: treeBlob(source) });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expectSound(machine, factsOfTree(source));
    machine.close();
  });

  it('beyond what the direct map reaches is left out, and the log says so', () => {
    const dtb = treeBlob({ ram: [ENOUGH, span(2 ** 47 - MiB, 2 * MiB), span(2 ** 48, MiB)] });
    const { outcome, machine } = bootBoard('pixel6', { dtb });
    expect(machine.serial.text).toContain('[MEM] warning: 2097152 bytes lie at or above 2^47');
    // 44 physical address bits: the part below 2^47 has no place on this core's bus.
    expect(outcome.panic, machine.serial.text).toMatch(/^PANIC: Cannot change the page tables$/);
    machine.close();
  });

  it('that a window of devices covers is not mapped twice', () => {
    const source: TreeSource = { ram: [span(0, 64 * MiB), ENOUGH] };
    const { outcome, machine } = bootBoard('pixel6', { dtb: treeBlob(source) });
    expect(['steady', 'panic'], machine.serial.text).toContain(outcome.outcome);
    machine.close();
  });
});

describe('reservations', () => {
  it.each(RESERVATIONS)('%s', (_shape, reserved) => {
    const source: TreeSource = { ram: [ENOUGH], reserved };
    const { outcome, machine } = bootBoard('pixel6', { dtb: treeBlob(source) });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expectSound(machine, factsOfTree(source));
    for (const { at = [], noMap } of reserved.filter(({ status }) => status !== 'disabled').slice(0, 20)) {
      for (const range of pagesTouched(at)) {
        const start = range.start.toString(16).padStart(10, '0');
        const line = machine.serial.lines.find((text) => text.startsWith(`[MEM] reserved 0x${start}`) && text.includes('region-'));
        expect(line, start).toBeDefined();
        if (noMap === true) expect(machine.serial.text).toContain('no-map');
      }
    }
    machine.close();
  });

  it('in the reservation block', () => {
    const source: TreeSource = {
      ram: [ENOUGH],
      reservationBlock: [span(LOW + 20 * MiB, 5 * MiB), span(LOW + 50 * MiB + 1, 1), ...many(150, (i) => span(LOW + 60 * MiB + i * 128 * KiB, 4096))],
    };
    const { outcome, machine } = bootBoard('pixel6', { dtb: treeBlob(source) });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(machine.serial.text).toContain('0x0081400000..0x0081900000  5 MiB  reservation block');
    expectSound(machine, factsOfTree(source));
    machine.close();
  });
});

describe('dynamic reservations', () => {
  /** Where the kernel put them, in the order of their nodes. */
  function places(machine: LevitateMachine): (Span & { noMap: boolean })[] {
    return [...(machine.kernel.memory?.memblock.reservedRanges() ?? [])]
      .filter(({ owner }) => owner.kind === OwnerKind.RESERVED_DYNAMIC)
      .toSorted((a, b) => Number(a.owner.cookie - b.owner.cookie))
      .map(({ base, size, noMap }) => ({ ...span(base, size), noMap }));
  }

  it('lie inside their ranges, in the order of the ranges, aligned, clear of everything fixed', () => {
    const reserved: readonly Reserved[] = [
      { at: [span(LOW + 64 * MiB, 32 * MiB)] },
      { size: 4 * MiB, alignment: 4 * MiB, allocRanges: [span(LOW + 60 * MiB, 40 * MiB)] },
      { size: 3 * MiB, allocRanges: [span(LOW + 60 * MiB, 8 * MiB), span(HIGH, GiB)], noMap: true },
      { size: 5000, alignment: 64 * KiB },
      { size: MiB, allocRanges: [span(0, MiB)] },
      { size: 512 * MiB, alignment: 256 * MiB, reusable: true },
    ];
    const source: TreeSource = { ram: [ENOUGH, span(HIGH, 2 * GiB)], reserved };
    const { outcome, machine } = bootBoard('pixel6', { dtb: treeBlob(source) });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    const [first, second, third, last] = places(machine);
    expect(places(machine)).toHaveLength(4);
    expect(first).toEqual({ ...span(LOW + 60 * MiB, 4 * MiB), noMap: false });
    expect(second).toEqual({ ...span(HIGH, 3 * MiB), noMap: true });
    expect(third!.start % (64 * KiB)).toBe(0);
    expect(third!.end - third!.start).toBe(8192);
    expect(last!.start % (256 * MiB)).toBe(0);
    expect(common(places(machine), pagesTouched(kernelSpans(machine)))).toEqual([]);
    expect(machine.serial.text).toContain('[MEM] warning: /reserved-memory/region-4 ignored: no room for 0x100000 bytes');
    expectSound(machine, factsOfTree(source));
    machine.close();
  });

  it('may be hundreds', () => {
    const source: TreeSource = { ram: [span(LOW, GiB)], reserved: many(300, (i) => ({ size: 4096 * (1 + (i % 5)), noMap: i % 2 === 0 })) };
    const { outcome, machine } = bootBoard('pixel6', { dtb: treeBlob(source) });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(places(machine)).toHaveLength(300);
    expectSound(machine, factsOfTree(source));
    machine.close();
  });
});

describe('an initramfs', () => {
  it.each([4, 8] as const)('whose bounds have %i bytes is reserved and told', (bytes) => {
    const initrd = { ...span(LOW + 96 * MiB + 512, 5 * MiB + 3), bytes };
    const source: TreeSource = { ram: [ENOUGH], initrd };
    const { outcome, machine } = bootBoard('pixel6', { dtb: treeBlob(source) });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(machine.serial.lines).toContain('[DTB] initramfs 0x0086000200..0x0086500203');
    expect(machine.serial.text).toContain('0x0086000000..0x0086501000  5124 KiB  initramfs');
    expectSound(machine, factsOfTree(source));
    machine.close();
  });

  it.each(['pixel6', 'qemu-virt'])('given to %s as a file is in memory, byte for byte, and nobody writes to it', (board) => {
    const initrd = Uint8Array.from({ length: 3 * MiB + 5 }, (_, i) => (i * 7) % 251);
    const { outcome, machine } = bootBoard(board, { initrd });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    const { start, end } = machine.plan.initrd!;
    expect(end - start).toBe(initrd.length);
    expect(Buffer.compare(machine.memory.readBytes(start, initrd.length), initrd)).toBe(0);
    const facts = factsOf(machine.board);
    expectSound(machine, { ...facts, reserved: [...facts.reserved, span(start, end - start)] });
    machine.close();
  });

  it('that ends before it starts is ignored, and the log says why', () => {
    const source: TreeSource = { ram: [ENOUGH], initrd: { start: LOW + 2 * MiB, end: LOW + MiB, bytes: 8 } };
    const { machine } = bootBoard('pixel6', { dtb: treeBlob(source) });
    expect(machine.serial.text).toContain('[MEM] warning: initramfs ignored: it starts at 0x80200000 and ends at 0x80100000');
    expectSound(machine, { ram: [ENOUGH], reserved: [] });
    machine.close();
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
    expectSound(machine, factsOfTree(SOURCE));
    machine.close();
  });

  it('outside the RAM that it names', () => {
    const source: TreeSource = { ram: [span(LOW, 128 * MiB)] };
    const machine = createMachine({ board: 'pixel6', dtb: treeBlob(source) });
    moveDeviceTree(machine, HIGH + 3 * GiB);
    expect(machine.run({ timeoutNs: 10e9 }).outcome, machine.serial.text).toBe('steady');
    expect(machine.serial.text).toContain('device tree  (not RAM)');
    expectSound(machine, factsOfTree(source));
    machine.close();
  });
});

// Tools of the host: absent ones are skipped by name, on continuous integration they must be there.
const isCi = process.env['CI'] === 'true';
const noDtc = spawnSync('dtc', ['--version']).status !== 0 && !isCi;
const noQemu = spawnSync('qemu-system-aarch64', ['--version']).status !== 0 && !isCi;

describe(`trees that dtc compiles${noDtc ? ' (skipped: dtc is not installed)' : ''}`, () => {
  const SOURCE = `/dts-v1/;
/memreserve/ 0x80400000 0x100000;
/memreserve/ 0x83000001 0x1;
/ {
  #address-cells = <2>; #size-cells = <1>;
  compatible = "test,board"; model = "Written by hand";
  chosen { bootargs = "quiet splash"; linux,initrd-start = <0x85000000>; linux,initrd-end = /bits/ 64 <0x85123456>; };
  ram@0 { device_type = "memory"; reg = <0x0 0x80000000 0x10000000>, <0x8 0x80000000 0x80000000>, <0x9 0x0 0x80000000>, <0x9 0x80000000 0x80000000>; };
  memory@90000000 { device_type = "memory"; reg = <0x0 0x90000000 0x1000>; status = "disabled"; };
  reserved-memory { #address-cells = <2>; #size-cells = <1>; ranges;
    firmware@81000000 { reg = <0x0 0x81000000 0x200000>, <0x8 0x90000000 0x1000000>; no-map; };
    off@84000000 { reg = <0x0 0x84000000 0x100000>; status = "disabled"; };
    cma { compatible = "shared-dma-pool"; reusable; size = <0x4000000>; alignment = <0x0 0x400000>; alloc-ranges = <0x8 0x80000000 0x40000000>; }; };
};`;

  it.skipIf(noDtc)('from text, with every kind of reservation', () => {
    const { stdout, stderr, status } = spawnSync('dtc', ['-q', '-I', 'dts', '-O', 'dtb', '-'], { input: SOURCE });
    expect(status, stderr.toString()).toBe(0);
    const { outcome, machine } = bootBoard('pixel6', { dtb: new Uint8Array(stdout) });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(machine.serial.lines).toContain('[DTB] command line: quiet splash');
    expect(machine.serial.text).toContain('0x0880000000..0x0884000000  64 MiB  cma, placed by the kernel');
    expectSound(machine, {
      ram: [span(LOW, 256 * MiB), span(HIGH, 6 * GiB)],
      reserved: [
        span(0x8040_0000, MiB),
        span(0x8300_0001, 1),
        span(0x8500_0000, 0x12_3456),
        { ...span(0x8100_0000, 2 * MiB), noMap: true },
        { ...span(0x8_9000_0000, 16 * MiB), noMap: true },
      ],
    });
    machine.close();
  });
});

describe(`QEMU’s own trees${noQemu ? ' (skipped: qemu-system-aarch64 is not installed)' : ''}`, () => {
  it.skipIf(noQemu).each([
    ['1G', GiB, 'virt'],
    ['8G', 8 * GiB, 'virt'],
    ['3G', 3 * GiB, 'virt,gic-version=3'],
  ])('-m %s boots on qemu-virt', (memory, bytes, machineType) => {
    const folder = mkdtempSync(join(tmpdir(), 'levitate-qemu-'));
    try {
      const file = join(folder, 'virt.dtb');
      const dump = spawnSync('qemu-system-aarch64', ['-M', `${machineType},dumpdtb=${file}`, '-m', memory, '-nic', 'none', '-nographic']);
      expect(dump.status, dump.stderr.toString()).toBe(0);
      const { outcome, machine } = bootBoard('qemu-virt', { dtb: new Uint8Array(readFileSync(file)) });
      expect(outcome.outcome, machine.serial.text).toBe('steady');
      expect(machine.serial.text).toContain('[BOOT] console: /pl011@9000000, arm,pl011 at 0x0009000000');
      expectSound(machine, { ram: [span(0x4000_0000, bytes)], reserved: [] });
      machine.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** The blob, or why it cannot be had here. */
async function upstreamTree(): Promise<Uint8Array | string> {
  try {
    return new Uint8Array(readFileSync(await upstreamOrioleDtb()));
  } catch (error) {
    if (error instanceof DebianPackageError && !isCi) return error.message;
    throw error;
  }
}
const upstream = await upstreamTree();

describe(`the upstream tree of the Pixel 6${typeof upstream === 'string' ? ` (skipped: ${upstream})` : ''}`, () => {
  const blob = typeof upstream === 'string' ? new Uint8Array(0) : upstream;

  it.skipIf(typeof upstream === 'string')('as it is has no RAM: the boot loader would name it', () => {
    const result = bootBoard('pixel6', { dtb: blob });
    expect(result).toPanicWith('PANIC: No RAM regions found in DTB');
    expect(result.outcome.exitStatus).toBe(1);
    result.machine.close();
  });

  it.skipIf(typeof upstream === 'string')('with what the boot loader adds boots with the board’s banks and reservations', () => {
    const { outcome, machine } = bootBoard('pixel6', { dtb: blob, fixups: 'loader' });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(machine.kernel.memory?.memMap).toMatchObject({ entries: 2_097_152, bytes: 50_331_648 });
    expectSound(machine, factsOf(machine.board));
    const own = bootBoard('pixel6').machine;
    const regions = (of: LevitateMachine) =>
      of.serial.lines
        .filter((line) => /^\[MEM\] (RAM {6}|reserved )/.test(line) && !/device tree|debug/.test(line))
        .map((line) => line.replace(/@[0-9a-f]+/, ''));
    expect(regions(machine)).toEqual(regions(own));
    own.close();
    machine.close();
  });
});
