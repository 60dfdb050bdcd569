// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { hex, physAddr, virtAddr } from '#common/address.ts';
import { mapDirect } from './direct-map.ts';
import { describeAttributes, MemoryAttributes, PXN_TABLE } from './descriptor.ts';
import { isWritableAndExecutable, type TableRange } from './ptdump.ts';
import { directVa, errorCode, makeSpace } from './testing/fixture.ts';

const { kernelCode, kernelData, kernelRodata, device, userCode, userData } = MemoryAttributes;
const OFFSET = 0xffff_8000_0000_0000n;
const GIB = 2 ** 30;

const range = (start: number, end: number, attrs: MemoryAttributes) => ({
  start: physAddr(start),
  end: physAddr(end),
  attrs,
});

/** A range as one line: addresses, sizes of entries, attributes. */
function formatRange(range: TableRange): string {
  const { blocks1GiB, blocks2MiB, pages4KiB } = range.counts;
  const sizes: string[] = [];
  if (blocks1GiB > 0) sizes.push(`${blocks1GiB} x 1 GiB`);
  if (blocks2MiB > 0) sizes.push(`${blocks2MiB} x 2 MiB`);
  if (pages4KiB > 0) sizes.push(`${pages4KiB} x 4 KiB`);
  const va = `[${hex(range.vaStart, 16)}, ${hex(range.vaEnd, 16)})`;
  return `${va} -> ${hex(range.paStart)}: ${sizes.join(' + ')}, ${describeAttributes(range.attrs)}`;
}

describe('tableRanges', () => {
  it('of a direct map of the Pixel 6 are its banks and devices', () => {
    const { mmu, space } = makeSpace();
    const counts = mapDirect(space, OFFSET, [
      range(0x8_8000_0000, 0xa_0000_0000, kernelData),
      range(0x10a0_0000, 0x10a0_1000, device),
      range(0x8000_0000, 0x8008_0000, kernelData),
      range(0x8008_0000, 0x800c_0000, kernelCode),
      range(0x800c_0000, 0x1_0000_0000, kernelData),
    ]);
    const report = mmu.report(space);
    expect(report.ranges.map(formatRange)).toEqual([
      '[0xffff800010a00000, 0xffff800010a01000) -> 0x10a00000: 1 x 4 KiB, device nGnRE, EL1 rw-, EL0 ---, global',
      '[0xffff800080000000, 0xffff800080080000) -> 0x80000000: 128 x 4 KiB, normal WB, inner shareable, EL1 rw-, EL0 ---, global',
      '[0xffff800080080000, 0xffff8000800c0000) -> 0x80080000: 64 x 4 KiB, normal WB, inner shareable, EL1 r-x, EL0 ---, global',
      '[0xffff8000800c0000, 0xffff800100000000) -> 0x800c0000: 1 x 1 GiB + 511 x 2 MiB + 320 x 4 KiB, normal WB, inner shareable, EL1 rw-, EL0 ---, global',
      '[0xffff800880000000, 0xffff800a00000000) -> 0x880000000: 6 x 1 GiB, normal WB, inner shareable, EL1 rw-, EL0 ---, global',
    ]);
    expect(report.tables).toEqual([1, 1, 2, 2]);
    expect(report.leaves).toEqual(counts);
    expect(report.writableAndExecutable).toEqual([]);
  });

  it('do not merge where the output address jumps', () => {
    const { mmu, space } = makeSpace();
    space.mapPage(directVa(0), physAddr(0x1000), kernelData);
    space.mapPage(directVa(0x1000), physAddr(0x5000), kernelData);
    expect(mmu.report(space).ranges.map((r) => [r.paStart, r.bytes])).toEqual([
      [0x1000, 4096],
      [0x5000, 4096],
    ]);
  });

  it('end at 2^64 for the last page', () => {
    const { mmu, space } = makeSpace();
    space.mapPage(virtAddr(0xffff_ffff_ffff_f000n), physAddr(0), kernelData);
    expect(mmu.report(space).ranges[0]?.vaEnd).toBe(2n ** 64n);
  });

  it('of an empty tree are none, with one table', () => {
    const { mmu, space } = makeSpace('low');
    expect(mmu.report(space)).toMatchObject({ ranges: [], tables: [1, 0, 0, 0] });
  });

  it('name what is writable and executable', () => {
    const { mmu, space, machine } = makeSpace();
    const open = 0x701n as MemoryAttributes;
    space.mapPage(directVa(0), physAddr(0), kernelCode);
    space.mapBlock(directVa(GIB), physAddr(GIB), 1, open);
    expect(mmu.report(space).writableAndExecutable).toMatchObject([{ paStart: GIB, bytes: GIB, attrs: open }]);
    // EL0 may still execute it: PXNTable alone does not heal it.
    const slot = space.root + 256 * 8;
    machine.poke(slot, machine.peek(slot) | PXN_TABLE);
    expect(mmu.report(space).writableAndExecutable).toHaveLength(1);
  });

  it.each([
    [kernelCode, false],
    [kernelRodata, false],
    [kernelData, false],
    [device, false],
    [userCode, false],
    [userData, false],
    [0x0040_0000_0000_0701n, true],
    [0x0020_0000_0000_0f41n, true],
    [0x0020_0000_0000_0701n, true],
  ])('attributes %s break W^X: %s', (attrs, broken) => {
    expect(isWritableAndExecutable(attrs as MemoryAttributes)).toBe(broken);
  });
});

describe('mapDirect', () => {
  it('joins neighbours so that a block spans both', () => {
    const { space } = makeSpace();
    const half = 0x4000_0000 + GIB / 2;
    const counts = mapDirect(space, OFFSET, [
      range(half, 0x8000_0000, kernelData),
      range(0x4000_0000, half, kernelData),
    ]);
    expect(counts).toEqual({ blocks1GiB: 1, blocks2MiB: 0, pages4KiB: 0 });
  });

  it('AlreadyMapped when ranges overlap', () => {
    const { space } = makeSpace();
    const ranges = [range(0, 0x2000, kernelData), range(0x1000, 0x3000, device)];
    expect(errorCode(() => mapDirect(space, OFFSET, ranges))).toBe('AlreadyMapped');
  });
});
