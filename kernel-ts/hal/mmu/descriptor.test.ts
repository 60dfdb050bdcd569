// SPDX-License-Identifier: GPL-2.0-only
import { describe as group, expect, it } from 'vitest';
import {
  AccessPermission,
  AF,
  AP_SHIFT,
  AP_TABLE_NO_EL0,
  AP_TABLE_READ_ONLY,
  attributesOf,
  CONTIGUOUS,
  describe,
  describeAttributes,
  kindOf,
  leafAddress,
  leafDescriptor,
  MemoryAttributes,
  memoryAttributes,
  permissionsOf,
  PXN_TABLE,
  restrictByTable,
  tableDescriptor,
  UXN_TABLE,
} from './descriptor.ts';

group('memory attributes', () => {
  it.each([
    ['kernelCode', 0x0040_0000_0000_0781n],
    ['kernelRodata', 0x0060_0000_0000_0781n],
    ['kernelData', 0x0060_0000_0000_0701n],
    ['device', 0x0060_0000_0000_0405n],
    ['dma', 0x0060_0000_0000_0609n],
    ['userCode', 0x0020_0000_0000_0fc1n],
    ['userRodata', 0x0060_0000_0000_0fc1n],
    ['userData', 0x0060_0000_0000_0f41n],
  ] as const)('%s has the value of LevitateOS', (name, value) => {
    expect(MemoryAttributes[name]).toBe(value);
  });

  it.each([
    ['kernelCode', 'normal WB, inner shareable, EL1 r-x, EL0 ---, global'],
    ['kernelRodata', 'normal WB, inner shareable, EL1 r--, EL0 ---, global'],
    ['kernelData', 'normal WB, inner shareable, EL1 rw-, EL0 ---, global'],
    ['device', 'device nGnRE, EL1 rw-, EL0 ---, global'],
    ['dma', 'normal NC, outer shareable, EL1 rw-, EL0 ---, global'],
    ['userCode', 'normal WB, inner shareable, EL1 r--, EL0 r-x, not global'],
    ['userRodata', 'normal WB, inner shareable, EL1 r--, EL0 r--, not global'],
    ['userData', 'normal WB, inner shareable, EL1 rw-, EL0 rw-, not global'],
  ] as const)('%s allows what its name says', (name, words) => {
    expect(describeAttributes(MemoryAttributes[name])).toBe(words);
  });

  it('memory writable at EL0 is never executable at EL1, even with PXN clear', () => {
    const attrs = memoryAttributes({
      memory: 0n,
      shareability: 3n,
      access: AccessPermission.anyReadWrite,
      el1Execute: true,
      el0Execute: true,
      global: true,
    });
    expect(permissionsOf(attrs).el1.execute).toBe(false);
    expect(permissionsOf(attrs).el0.execute).toBe(true);
  });
});

group('descriptors', () => {
  it('a block and a page of the same address and attributes differ in bit 1 alone', () => {
    const block = leafDescriptor(0x8_8000_0000, 1, MemoryAttributes.kernelData);
    const page = leafDescriptor(0x8_8000_0000, 3, MemoryAttributes.kernelData);
    expect(block ^ page).toBe(2n);
    expect(block).toBe(0x0060_0008_8000_0701n);
  });

  it.each([
    [0b00n, 0, 'invalid'],
    [0b10n, 3, 'invalid'],
    [0b01n, 0, 'invalid'],
    [0b01n, 1, 'leaf'],
    [0b01n, 2, 'leaf'],
    [0b01n, 3, 'invalid'],
    [0b11n, 0, 'table'],
    [0b11n, 1, 'table'],
    [0b11n, 2, 'table'],
    [0b11n, 3, 'leaf'],
  ] as const)('bits %s at level %s are %s', (bits, level, kind) => {
    expect(kindOf(bits, level)).toBe(kind);
  });

  it('address and attributes come back as they went in', () => {
    const descriptor = leafDescriptor(0xffff_ffe0_0000, 2, MemoryAttributes.userCode);
    expect(leafAddress(descriptor, 2)).toBe(0xffff_ffe0_0000);
    expect(attributesOf(descriptor)).toBe(MemoryAttributes.userCode);
  });

  it('the contiguous hint is not an attribute that travels', () => {
    const descriptor = leafDescriptor(0x1000, 3, MemoryAttributes.kernelData) | CONTIGUOUS;
    expect(attributesOf(descriptor)).toBe(MemoryAttributes.kernelData);
  });

  it('table attributes only take permissions away', () => {
    const open = memoryAttributes({
      memory: 0n,
      shareability: 3n,
      access: AccessPermission.anyReadWrite,
      el1Execute: true,
      el0Execute: true,
      global: true,
    });
    const closed = restrictByTable(
      open,
      tableDescriptor(0) | PXN_TABLE | UXN_TABLE | AP_TABLE_NO_EL0 | AP_TABLE_READ_ONLY,
    );
    expect(permissionsOf(closed)).toEqual({
      el1: { read: true, write: false, execute: false },
      el0: { read: false, write: false, execute: false },
    });
    expect(restrictByTable(open, tableDescriptor(0))).toBe(open);
  });

  it.each([
    [0n, 0, 'invalid'],
    [tableDescriptor(0x4000_1000), 0, 'table at 0x40001000'],
    [tableDescriptor(0x4000_1000) | PXN_TABLE, 1, 'table at 0x40001000, PXNTable'],
    [0x4000_0001n, 0, 'reserved encoding at level 0, taken as invalid'],
    [0x4000_0001n, 3, 'reserved encoding at level 3, taken as invalid'],
    [
      leafDescriptor(0x8020_0000, 2, MemoryAttributes.kernelData),
      2,
      '2 MiB block at 0x80200000: normal WB, inner shareable, EL1 rw-, EL0 ---, global',
    ],
    [
      leafDescriptor(0x8020_1000, 3, MemoryAttributes.kernelCode) & ~AF,
      3,
      '4 KiB page at 0x80201000: normal WB, inner shareable, EL1 r-x, EL0 ---, global, access flag clear',
    ],
  ] as const)('%s at level %s reads "%s"', (descriptor, level, words) => {
    expect(describe(descriptor, level)).toBe(words);
  });

  it('kernel text is read-only in its own bits: AP is 0b10', () => {
    expect((MemoryAttributes.kernelCode >> AP_SHIFT) & 3n).toBe(AccessPermission.el1ReadOnly);
  });
});
