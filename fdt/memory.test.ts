// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { begin, blob, EMPTY, END, END_NODE, node, openTree } from './testing/blob-builder.ts';
import { Fdt } from './fdt.ts';
import { memoryRanges, memoryReservations } from './memory.ts';
import { cells, type FdtNode, stringValue, u64Cells } from './tree.ts';

const MEMORY = { device_type: stringValue('memory') };

function ranges(addressCells: number, sizeCells: number, ...children: FdtNode[]) {
  const root = node('', { '#address-cells': cells(addressCells), '#size-cells': cells(sizeCells) }, children);
  return memoryRanges(openTree(root)).map(({ start, end, path }) => [start, end - start, path]);
}

describe('memoryRanges', () => {
  it('reads the Pixel 6: 2/1 cells, 6 GiB as three ranges', () => {
    const high = cells(8, 0x8000_0000, 0x8000_0000, 9, 0, 0x8000_0000, 9, 0x8000_0000, 0x8000_0000);
    expect(
      ranges(
        2,
        1,
        node('memory@80000000', { ...MEMORY, reg: cells(0, 0x8000_0000, 0x8000_0000) }),
        node('memory@880000000', { ...MEMORY, reg: high }),
      ),
    ).toEqual([
      [0x8000_0000n, 0x8000_0000n, '/memory@80000000'],
      [0x8_8000_0000n, 0x8000_0000n, '/memory@880000000'],
      [0x9_0000_0000n, 0x8000_0000n, '/memory@880000000'],
      [0x9_8000_0000n, 0x8000_0000n, '/memory@880000000'],
    ]);
  });

  it('goes by device_type alone, below the root alone', () => {
    const reg = u64Cells(0x4000_0000n, 0x1000n);
    expect(
      ranges(
        2,
        2,
        node('memory@1', { reg }),
        node('dram', { ...MEMORY, reg }),
        node('soc', {}, [node('memory@2', { ...MEMORY, reg })]),
        node('memory@3', { device_type: stringValue('memory2'), reg }),
      ),
    ).toEqual([[0x4000_0000n, 0x1000n, '/dram']]);
  });

  it.each([
    ['okay', 1],
    ['ok', 1],
    ['disabled', 0],
    ['reserved', 0],
  ])('status %j leaves %i ranges', (status, count) => {
    const memory = node('memory', { ...MEMORY, status: stringValue(status), reg: u64Cells(0n, 1n) });
    expect(ranges(2, 2, memory)).toHaveLength(count);
  });

  it('prefers linux,usable-memory, even when it is empty', () => {
    const reg = u64Cells(0n, 0x4000n);
    expect(ranges(2, 2, node('memory', { ...MEMORY, reg, 'linux,usable-memory': u64Cells(0x1000n, 0x1000n) }))).toEqual(
      [[0x1000n, 0x1000n, '/memory']],
    );
    expect(ranges(2, 2, node('memory', { ...MEMORY, reg, 'linux,usable-memory': EMPTY }))).toEqual([]);
  });

  it('skips empty ranges and a part of a range at the end', () => {
    const reg = cells(0, 1, 0, 0x10, 0, 2, 0, 0, 0, 3, 0, 0x20, 0, 4, 0);
    expect(ranges(2, 2, node('memory', { ...MEMORY, reg }))).toEqual([
      [1n, 0x10n, '/memory'],
      [3n, 0x20n, '/memory'],
    ]);
  });

  it('uses 2/1 cells where the root names none', () => {
    const fdt = openTree(node('', {}, [node('memory', { ...MEMORY, reg: cells(1, 2, 3), hotpluggable: EMPTY })]));
    expect(memoryRanges(fdt)).toEqual([
      { start: 0x1_0000_0002n, end: 0x1_0000_0005n, path: '/memory', hotpluggable: true },
    ]);
  });

  it('gives nothing for a memory node without reg, or no memory node', () => {
    expect(ranges(2, 2, node('memory', MEMORY))).toEqual([]);
    expect(ranges(2, 2)).toEqual([]);
  });

  it('names what is wrong', () => {
    expect(() => ranges(3, 1, node('memory', { ...MEMORY, reg: cells(1, 0, 0, 1) }))).toThrow('FDT_ERR_BADVALUE');
    expect(() => ranges(5, 1, node('memory', { ...MEMORY, reg: cells(1) }))).toThrow('FDT_ERR_BADNCELLS');
    expect(() => memoryRanges(Fdt.open(blob({ struct: [END] })))).toThrow('FDT_ERR_BADOFFSET');
  });
});

describe('memoryReservations', () => {
  it('is the reservation block', () => {
    const fdt = Fdt.open(blob({ struct: [begin(''), END_NODE, END], reservations: [0x8_8000_0000n, 0x1001n, 0n, 0n] }));
    expect(memoryReservations(fdt)).toEqual([{ start: 0x8_8000_0000n, end: 0x8_8000_1001n }]);
  });
});
