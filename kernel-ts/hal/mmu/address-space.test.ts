// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { MemoryAttributes } from './descriptor.ts';
import { Mmu } from './mmu.ts';
import {
  directVa,
  errorCode,
  FRAMES_BASE,
  makeFixture,
  makeLiveDirectMap,
  makeSpace,
  POOL_BASE,
  POOL_STATE,
} from './testing/fixture.ts';

const { kernelData, kernelCode, kernelRodata, device, userData } = MemoryAttributes;
const HIGH = 0xffff_9000_0000_0000n;
const va = (offset: number | bigint = 0) => virtAddr(HIGH + BigInt(offset));
const pa = (address: number) => physAddr(address);
const GIB = 2 ** 30;
const MIB2 = 2 ** 21;

describe('mapRange', () => {
  it.each([
    ['8 GiB in two banks of the Pixel 6: the second bank', 0, 0x8_8000_0000, 6 * GIB, [6, 0, 0]],
    ['one page', 0x1000, 0x1000, 0x1000, [0, 0, 1]],
    ['2 MiB aligned alike', 0, 0x4020_0000, MIB2, [0, 1, 0]],
    ['2 MiB not aligned alike', 0x1000, 0x4020_0000, MIB2, [0, 0, 512]],
    ['1 GiB of 2 MiB blocks when only 2 MiB aligned alike', 0, 0x4020_0000, GIB, [0, 512, 0]],
    ['all three sizes on both sides', GIB - MIB2 - 0x1000, 2 * GIB - MIB2 - 0x1000, GIB + 2 * MIB2 + 0x2000, [1, 2, 2]],
  ])('%s', (_, offset, address, bytes, [blocks1GiB, blocks2MiB, pages4KiB]) => {
    const { space } = makeSpace();
    expect(space.mapRange(va(offset), pa(address), bytes, kernelData)).toEqual({ blocks1GiB, blocks2MiB, pages4KiB });
    expect(space.translate(va(offset + bytes - 1))).toMatchObject({
      ok: true,
      pa: address + bytes - 1,
      attrs: kernelData,
    });
    expect(space.translate(va(offset + bytes)).ok).toBe(false);
  });

  it('orders the clearing of new tables before the links and publishes the entries once', () => {
    const { space, machine } = makeSpace();
    space.mapPage(va(), pa(0x5000_0000), kernelData);
    expect(machine.events.map((event) => event.split(' ')[0])).toEqual([
      'fill',
      'fill',
      'fill',
      'dsb',
      'write64',
      'write64',
      'write64',
      'write64',
      'dsb',
      'isb',
    ]);
  });

  it('maps the very last page of the high half', () => {
    const { space } = makeSpace();
    space.mapPage(virtAddr(0xffff_ffff_ffff_f000n), pa(0x1000), kernelData);
    expect(space.translate(virtAddr(0xffff_ffff_ffff_ffffn))).toMatchObject({ ok: true, pa: 0x1fff });
  });

  it('maps the low half by the same rules', () => {
    const { space, machine } = makeSpace('low');
    space.mapRange(virtAddr(0x1_0000n), pa(0x5000_0000), 0x2000, userData);
    expect(machine.lookUp(virtAddr(0x1_1008n))?.pa).toBe(0x5000_1008);
  });
});

describe('errors leave tables and allocator as they were', () => {
  const cases: [string, string, (space: ReturnType<typeof makeSpace>['space']) => unknown][] = [
    ['AlreadyMapped', 'a page on a page', (s) => s.mapPage(va(), pa(0x9000), kernelData)],
    ['AlreadyMapped', 'the same page again', (s) => s.mapPage(va(), pa(0x5000_0000), kernelData)],
    ['AlreadyMapped', 'a 2 MiB block on a table', (s) => s.mapBlock(va(), pa(MIB2), 2, kernelData)],
    ['AlreadyMapped', 'a 1 GiB block on a table', (s) => s.mapBlock(va(), pa(GIB), 1, kernelData)],
    ['AlreadyMapped', 'a block on a block', (s) => s.mapBlock(va(2 * MIB2), pa(MIB2), 2, kernelData)],
    [
      'AlreadyMapped',
      'a range whose last page is taken',
      (s) => s.mapRange(va(-0x4000), pa(0x8000), 0x5000, kernelData),
    ],
    [
      'AlreadyMapped',
      'a range that ends inside a block',
      (s) => s.mapRange(va(MIB2), pa(MIB2), MIB2 + 4096, kernelData),
    ],
    ['NotMapped', 'unmap of a hole', (s) => s.unmapPage(va(0x1000))],
    ['NotMapped', 'unmap where there is no table', (s) => s.unmapPage(va(GIB * 600))],
    ['NotMapped', 'protect over a hole', (s) => s.protect(va(), 0x2000, kernelRodata)],
    ['NotMapped', 'protect that would split first', (s) => s.protect(va(3 * MIB2 - 0x1000), 0x2000, kernelRodata)],
    ['Misaligned', 'a virtual address inside a page', (s) => s.mapPage(va(0x1008), pa(0), kernelData)],
    ['Misaligned', 'a physical address inside a page', (s) => s.mapPage(va(0x1000), pa(8), kernelData)],
    ['Misaligned', 'a block at a page address', (s) => s.mapBlock(va(0x1000), pa(0), 2, kernelData)],
    ['Misaligned', 'a block to a page address', (s) => s.mapBlock(va(4 * MIB2), pa(0x1000), 2, kernelData)],
    ['Misaligned', 'no bytes', (s) => s.mapRange(va(0x1000), pa(0), 0, kernelData)],
    ['Misaligned', 'part of a page', (s) => s.mapRange(va(0x1000), pa(0), 100, kernelData)],
    ['Misaligned', 'a negative size', (s) => s.protect(va(), -4096, kernelData)],
    ['InvalidVirtualAddress', 'the other half', (s) => s.mapPage(virtAddr(0x1000n), pa(0), kernelData)],
    ['InvalidVirtualAddress', 'not canonical', (s) => s.mapPage(virtAddr(0xfff0_9000_0000_0000n), pa(0), kernelData)],
    [
      'InvalidVirtualAddress',
      'past the end',
      (s) => s.mapRange(virtAddr(0xffff_ffff_ffff_f000n), pa(0), 0x2000, kernelData),
    ],
    ['BadOutputAddress', 'past 48 bits', (s) => s.mapRange(va(GIB), pa(2 ** 48 - 4096), 8192, kernelData)],
  ];

  it.each(cases)('%s: %s', (code, _, action) => {
    const { space, machine, allocator } = makeSpace();
    space.mapPage(va(), pa(0x5000_0000), kernelData);
    space.mapBlock(va(2 * MIB2), pa(0x5020_0000), 2, kernelData);
    const before = machine.dump(space.root);
    const out = allocator.out.size;
    expect(errorCode(() => action(space))).toBe(code);
    expect(machine.dump(space.root)).toBe(before);
    expect(allocator.out.size).toBe(out);
  });

  it('WalkFailed when a table descriptor leads beyond the output size', () => {
    const { machine } = makeFixture();
    const core = new Mmu({
      ports: machine.ports,
      physicalOffset: machine.physicalOffset,
      poolBase: POOL_BASE,
      poolState: POOL_STATE,
      outputAddressBits: 40,
    });
    const space = core.createSpace('high');
    machine.poke(space.root + 0x120 * 8, (1n << 40n) | 3n);
    expect(errorCode(() => space.mapPage(va(), pa(0x1000), kernelData))).toBe('WalkFailed');
    expect(errorCode(() => space.unmapPage(va()))).toBe('WalkFailed');
  });

  it.each([0, 1, 2])('AllocationFailed with %s of three tables leaks none', (budget) => {
    const { space, machine, mmu, allocator } = makeSpace();
    for (let index = 0; index < 16; index++) mmu.pool.markUsed(index);
    const before = machine.dump(space.root);
    allocator.budget = budget;
    expect(errorCode(() => space.mapPage(va(), pa(0x1000), kernelData))).toBe('AllocationFailed');
    expect(machine.dump(space.root)).toBe(before);
    expect(allocator.out.size).toBe(1);
    expect(allocator.budget).toBe(budget);
  });

  it('AllocationFailed when a split finds no table leaves the block whole', () => {
    const { space, machine, mmu, allocator } = makeSpace();
    for (let index = 0; index < 16; index++) mmu.pool.markUsed(index);
    space.mapBlock(va(), pa(GIB), 1, kernelData);
    const before = machine.dump(space.root);
    allocator.budget = 1; // the first of two splits could be had
    expect(errorCode(() => space.unmapPage(va(0x1000)))).toBe('AllocationFailed');
    expect(machine.dump(space.root)).toBe(before);
    expect(allocator.budget).toBe(1);
  });
});

describe('unmap', () => {
  it('frees the tables that became empty and never the root', () => {
    const { space, allocator } = makeSpace();
    space.mapPage(va(), pa(0x1000), kernelData);
    space.mapPage(va(GIB), pa(0x2000), kernelData);
    expect(allocator.out.size).toBe(6);
    space.unmapPage(va());
    expect(allocator.out.size).toBe(4);
    space.unmapPage(va(GIB));
    expect([...allocator.out]).toEqual([space.root]);
  });

  it('drops the TLB entry before the tables are given away', () => {
    const { space, machine } = makeSpace();
    space.mapPage(va(), pa(0x1000), kernelData);
    expect(machine.lookUp(va())).not.toBeNull();
    machine.events.length = 0;
    space.unmapPage(va());
    expect(machine.events.map((event) => event.split(' ')[0])).toEqual([
      'write64',
      'write64',
      'write64',
      'write64',
      'dsb',
      'tlbi',
      'dsb',
      'isb',
    ]);
    expect(machine.lookUp(va())).toBeNull();
    expect(machine.violations).toEqual([]);
  });

  it('of many pages uses one TLBI for all', () => {
    const { space, machine } = makeSpace();
    space.mapRange(va(0x1000), pa(0x5000_0000), 100 * 4096, kernelData);
    machine.events.length = 0;
    space.unmapRange(va(0x1000), 100 * 4096);
    expect(machine.events.filter((event) => event.startsWith('tlbi'))).toEqual(['tlbi all']);
  });
});

describe('splitting a block', () => {
  it('goes by break-before-make: invalid, DSB, TLBI, DSB, ISB, new, DSB, ISB', () => {
    const { space, machine } = makeSpace();
    space.mapBlock(va(), pa(0x5020_0000), 2, kernelData);
    machine.events.length = 0;
    space.protect(va(0x3000), 0x1000, kernelRodata);
    const events = machine.events.filter((event) => !event.startsWith('fill'));
    const slot = events.find((event) => event.endsWith(' 0x0'))?.split(' ')[1];
    const table = events.find((event) => event.startsWith('writeBytes'))?.split(' ')[1];
    expect(events.slice(events.findIndex((event) => event.startsWith('writeBytes')))).toEqual([
      `writeBytes ${table}`,
      'dsb',
      `write64 ${slot} 0x0`,
      'dsb',
      'tlbi 0xffff900000000000',
      'dsb',
      'isb',
      `write64 ${slot} 0x${(BigInt(table as string) | 3n).toString(16)}`,
      'dsb',
      'isb',
      `write64 0x${(Number(table) + 24).toString(16)} 0x60000050203783`,
      'dsb',
      'tlbi 0xffff900000003000',
      'dsb',
      'isb',
    ]);
    expect(machine.violations).toEqual([]);
  });

  it.each([
    ['2 MiB', 2, MIB2, 1],
    ['1 GiB', 1, GIB, 2],
  ] as const)('of %s keeps addresses and attributes of the rest', (_, level, bytes, tables) => {
    const { space, allocator } = makeSpace();
    space.mapBlock(va(), pa(bytes * 3), level, device);
    const before = allocator.out.size;
    space.unmapPage(va(bytes - 0x1000));
    expect(allocator.out.size).toBe(before + tables);
    for (const offset of [0, 0x1000, MIB2 / 2 - 1, bytes / 2, bytes - 0x1001]) {
      expect(space.translate(va(offset))).toMatchObject({ ok: true, pa: bytes * 3 + offset, attrs: device });
    }
    expect(space.translate(va(bytes - 1))).toMatchObject({ ok: false, fault: 'translation', level: 3 });
  });

  it('is not done where the attributes are the same already', () => {
    const { space, machine } = makeSpace();
    space.mapBlock(va(), pa(0x5020_0000), 2, kernelData);
    const before = machine.dump(space.root);
    space.protect(va(0x3000), 0x1000, kernelData);
    expect(machine.dump(space.root)).toBe(before);
  });

  it('puts a 2 MiB block inside a 1 GiB block', () => {
    const { space, machine } = makeSpace();
    space.mapBlock(va(), pa(GIB), 1, kernelData);
    space.mapBlock(va(MIB2), pa(0), 2, device);
    expect(space.translate(va(MIB2 + 5))).toMatchObject({ pa: 5, attrs: device, level: 2 });
    expect(space.translate(va(2 * MIB2))).toMatchObject({ pa: GIB + 2 * MIB2, attrs: kernelData, level: 2 });
    expect(machine.violations).toEqual([]);
  });
});

describe('protect', () => {
  it('changes permissions without a moment of being unmapped', () => {
    const { space, machine } = makeSpace();
    space.mapRange(va(), pa(0x5000_0000), 0x4000, kernelData);
    machine.events.length = 0;
    space.protect(va(), 0x2000, kernelCode);
    expect(machine.events.filter((event) => event.startsWith('write64') && event.endsWith(' 0x0'))).toEqual([]);
    expect(machine.events.slice(-5)).toEqual([
      'dsb',
      `tlbi 0x${va().toString(16)}`,
      `tlbi 0x${va(0x1000).toString(16)}`,
      'dsb',
      'isb',
    ]);
  });

  it('changes the memory type by break-before-make', () => {
    const { space, machine } = makeSpace();
    space.mapPage(va(), pa(0x5000_0000), kernelData);
    machine.events.length = 0;
    space.protect(va(), 0x1000, device);
    expect(machine.events.map((event) => event.split(' ')[0])).toEqual([
      'write64',
      'dsb',
      'tlbi',
      'dsb',
      'isb',
      'write64',
      'dsb',
      'isb',
    ]);
    expect(machine.violations).toEqual([]);
  });
});

describe('a live direct map that maps its own tables', () => {
  it('is split through the alias window, which is gone afterwards', () => {
    const { space, machine, allocator } = makeLiveDirectMap();
    const out = allocator.out.size;
    space.unmapPage(directVa(0x7000_0000));
    expect(machine.lookUp(directVa(0x7000_0000))).toBeNull();
    expect(machine.lookUp(directVa(0x7000_1000))?.pa).toBe(0x7000_1000);
    expect(allocator.out.size).toBe(out + 2);
    expect(space.translate(virtAddr(0xffff_ffff_ffff_f000n)).ok).toBe(false);
    expect(machine.violations).toEqual([]);
  });

  it('is split down to the very page that holds the tables', () => {
    const { space, machine } = makeLiveDirectMap();
    // The frames of the tables lie here: the 2 MiB block made first is broken again to reach the
    // page.
    space.protect(directVa(FRAMES_BASE + 0x10_0000), 0x1000, kernelRodata);
    expect(machine.lookUp(directVa(FRAMES_BASE))?.pa).toBe(FRAMES_BASE);
    expect(space.translate(directVa(FRAMES_BASE + 0x10_0000))).toMatchObject({ level: 3, attrs: kernelRodata });
    expect(machine.violations).toEqual([]);
  });

  it('leaves everything as it was when the alias finds no table', () => {
    const { space, machine, mmu, allocator } = makeLiveDirectMap();
    for (let index = 0; index < 16; index++) mmu.pool.markUsed(index);
    const before = machine.dump(space.root);
    allocator.budget = 4; // two for the splits, two of the three that the alias needs
    expect(errorCode(() => space.unmapPage(directVa(0x7000_0000)))).toBe('AllocationFailed');
    expect(machine.dump(space.root)).toBe(before);
    expect(allocator.budget).toBe(4);
  });
});

it('releaseTables gives every table back, the root too', () => {
  const { space, mmu, allocator } = makeSpace('low');
  space.mapRange(virtAddr(0x1000n), pa(0x1000), MIB2, userData);
  space.mapPage(virtAddr(0x7fff_ffff_f000n), pa(0x1000), userData);
  mmu.setTtbr0(null);
  expect(space.releaseTables()).toBe(8);
  expect(allocator.out.size).toBe(0);
  expect(mmu.pool.fromAllocator).toBe(0);
});
