// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { addressCells, cpuReg, reg, sizeCells, translateAddress } from './addresses.ts';
import { EMPTY, node, openTree } from './testing/blob-builder.ts';
import { cells, u64Cells } from './tree.ts';

describe('cell counts', () => {
  it('defaults to 2 and 1, and is not inherited', () => {
    const fdt = openTree(node('', { '#address-cells': cells(1), '#size-cells': cells(2) }, [node('bus')]));
    expect([addressCells(fdt.root), sizeCells(fdt.root)]).toEqual([1, 2]);
    expect([addressCells(fdt.getPath('/bus')), sizeCells(fdt.getPath('/bus'))]).toEqual([2, 1]);
  });

  it('takes 0 size cells and up to 4 of each', () => {
    const { root } = openTree(node('', { '#address-cells': cells(4), '#size-cells': cells(0) }));
    expect([addressCells(root), sizeCells(root)]).toEqual([4, 0]);
  });

  it.each([
    ['#address-cells', cells(0)],
    ['#address-cells', cells(5)],
    ['#address-cells', u64Cells(1n)],
    ['#address-cells', EMPTY],
    ['#size-cells', cells(5)],
    ['#size-cells', Uint8Array.of(1)],
  ])('%s of %o is FDT_ERR_BADNCELLS', (name, value) => {
    const { root } = openTree(node('', { [name]: value }));
    expect(() => (name === '#address-cells' ? addressCells : sizeCells)(root)).toThrow(
      'FDT_ERR_BADNCELLS at offset 0x',
    );
  });
});

describe('reg', () => {
  const withReg = (address: number, size: number, value: Uint8Array) =>
    openTree(
      node('', { '#address-cells': cells(address), '#size-cells': cells(size) }, [node('d', { reg: value })]),
    ).getPath('/d');

  it.each([
    [
      1,
      0,
      cells(7, 8),
      [
        [7n, 0n],
        [8n, 0n],
      ],
    ],
    [
      1,
      1,
      cells(1, 2, 3, 4),
      [
        [1n, 2n],
        [3n, 4n],
      ],
    ],
    [2, 1, cells(8, 0x8000_0000, 0x8000_0000), [[0x8_8000_0000n, 0x8000_0000n]]],
    [2, 2, u64Cells(0x8_8000_0000n, 0x1_8000_0000n), [[0x8_8000_0000n, 0x1_8000_0000n]]],
    [3, 4, cells(0, 1, 2, 0, 0, 3, 4), [[0x1_0000_0002n, 0x3_0000_0004n]]],
    [2, 2, EMPTY, []],
  ])('%i/%i cells', (address, size, value, pairs) => {
    expect(reg(withReg(address, size, value))).toEqual(pairs.map(([base, bytes]) => ({ address: base, size: bytes })));
  });

  it('is null where absent', () => {
    expect(reg(openTree(node('', {}, [node('d')])).getPath('/d'))).toBeNull();
  });

  it.each([
    ['part of a pair', withReg(2, 2, cells(1, 2, 3))],
    ['part of a cell', withReg(1, 1, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 9))],
    ['an address above 64 bits', withReg(3, 1, cells(1, 0, 0, 1))],
    ['a size above 64 bits', withReg(1, 4, cells(0, 0, 1, 0, 0))],
  ])('%s is FDT_ERR_BADVALUE', (_, device) => {
    expect(() => reg(device)).toThrow('FDT_ERR_BADVALUE at offset 0x');
  });
});

describe('translation', () => {
  // CPU 2/1 cells, outer bus 1/1 at 0x8_4000_0000, inner bus 2/2 at two places on the outer one.
  const fdt = openTree(
    node('', { '#address-cells': cells(2), '#size-cells': cells(1) }, [
      node(
        'outer',
        { '#address-cells': cells(1), '#size-cells': cells(1), ranges: cells(0x1000, 8, 0x4000_0000, 0x10000) },
        [
          node('uart', { reg: cells(0x1100, 0x100, 0x2000, 4) }),
          node('straddles', { reg: cells(0x10f00, 0x200) }),
          node(
            'inner',
            {
              '#address-cells': cells(2),
              '#size-cells': cells(2),
              ranges: cells(0, 0, 0x2000, 0, 0x100, 1, 0, 0x3000, 0, 0x100),
            },
            [node('timer', { reg: u64Cells(0x1_0000_0010n, 0x10n) })],
          ),
          node('same', { '#address-cells': cells(1), '#size-cells': cells(1), ranges: EMPTY }, [
            node('rtc', { reg: cells(0x1000, 0) }),
          ]),
          node('apart', { '#address-cells': cells(1), '#size-cells': cells(0) }, [node('chip', { reg: cells(0x50) })]),
        ],
      ),
      node('ram', { reg: cells(8, 0x8000_0000, 0x1000) }),
    ]),
  );
  const cpu = (path: string) => cpuReg(fdt.getPath(path))?.map((range) => [range.address, range.size]) ?? null;

  it('leaves the root’s children alone', () => {
    expect(cpu('/ram')).toEqual([[0x8_8000_0000n, 0x1000n]]);
  });

  it('goes through one bus, several and the identity', () => {
    expect(cpu('/outer/uart')).toEqual([
      [0x8_4000_0100n, 0x100n],
      [0x8_4000_1000n, 4n],
    ]);
    expect(cpu('/outer/inner/timer')).toEqual([[0x8_4000_2010n, 0x10n]]);
    expect(cpu('/outer/same/rtc')).toEqual([[0x8_4000_0000n, 0n]]);
  });

  it('is null without ranges, outside them, or across the end of one', () => {
    expect(cpu('/outer/apart/chip')).toBeNull();
    expect(cpu('/outer/straddles')).toBeNull();
    expect(translateAddress(fdt.getPath('/outer/uart'), 0xfffn)).toBeNull();
    expect(translateAddress(fdt.getPath('/outer/uart'), 0x10fffn)).toBe(0x8_4000_ffffn);
    expect(translateAddress(fdt.getPath('/outer/uart'), 0x11000n)).toBeNull();
  });

  it.each([
    ['a part of an entry', cells(0, 0, 0x1000)],
    ['a result above 64 bits', cells(0, 0xffff_ffff, 0xffff_ffff, 0x1000)],
  ])('%s is FDT_ERR_BADVALUE', (_, ranges) => {
    const bus = node('bus', { '#address-cells': cells(1), '#size-cells': cells(1), ranges }, [
      node('d', { reg: cells(0x10, 4) }),
    ]);
    expect(() => cpuReg(openTree(node('', {}, [bus])).getPath('/bus/d'))).toThrow('FDT_ERR_BADVALUE');
  });
});
