// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { EMPTY, node, openTree } from './testing/blob-builder.ts';
import { reservedMemory } from './reserved-memory.ts';
import { cells, type FdtNode, stringValue, u64Cells } from './tree.ts';

/** A tree with 2/1 cells, as the Pixel 6 has, and `children` under /reserved-memory. */
function read(children: readonly FdtNode[], own: Readonly<Record<string, Uint8Array>> = {}) {
  const root = { '#address-cells': cells(2), '#size-cells': cells(1) };
  return reservedMemory(
    openTree(node('', root, [node('reserved-memory', { ...root, ranges: EMPTY, ...own }, children)])),
  );
}

const statics = (children: readonly FdtNode[]) =>
  read(children).staticRegions.map(({ name, start, end, noMap, reusable }) => [
    name,
    start,
    end - start,
    noMap,
    reusable,
  ]);
const reasons = (children: readonly FdtNode[]) => read(children).rejected.map(({ name, reason }) => [name, reason]);

describe('static regions', () => {
  it('reads base, size and flags, one region for each pair', () => {
    expect(
      statics([
        node('abl@f8800000', { reg: cells(0, 0xf880_0000, 0x200_0000), 'no-map': EMPTY }),
        node('two', { reg: cells(8, 0x8000_0000, 0x1000, 9, 0, 1), reusable: EMPTY }),
        node('splash@fac00000', { reg: cells(0, 0xfac0_0000, 0x9e3400) }),
      ]),
    ).toEqual([
      ['abl@f8800000', 0xf880_0000n, 0x200_0000n, true, false],
      ['two', 0x8_8000_0000n, 0x1000n, false, true],
      ['two', 0x9_0000_0000n, 1n, false, true],
      ['splash@fac00000', 0xfac0_0000n, 0x9e3400n, false, false],
    ]);
  });

  it('keeps duplicates: overlaps are for the kernel to merge', () => {
    const twice = node('debug_kinfo', { reg: cells(0, 0xfd3f_e000, 0x1000) });
    expect(statics([twice, twice])).toHaveLength(2);
  });

  it('honours status and tells what it switched off', () => {
    const reg = cells(0, 1, 1);
    const result = read([
      node('a', { reg, status: stringValue('disabled') }),
      node('b', { reg, status: stringValue('okay') }),
      node('c', { size: cells(1), status: stringValue('disabled') }),
    ]);
    expect(result.staticRegions.map(({ path }) => path)).toEqual(['/reserved-memory/b']);
    expect(result.disabled).toEqual(['/reserved-memory/a', '/reserved-memory/c']);
    expect(result.dynamicRegions).toEqual([]);
  });

  it('lets reg win over size', () => {
    const result = read([node('a', { reg: cells(0, 1, 1), size: cells(5) })]);
    expect([result.staticRegions.length, result.dynamicRegions.length]).toEqual([1, 0]);
  });

  it('rejects what it cannot use and keeps the rest', () => {
    const result = read([
      node('short', { reg: cells(0, 1) }),
      node('empty', { reg: EMPTY }),
      node('zero', { reg: cells(0, 0x1000, 0, 0, 0x2000, 1) }),
      node('wrap', { reg: cells(0xffff_ffff, 0xffff_f000, 0x1001) }),
      node('neither'),
      node('good', { reg: cells(0xffff_ffff, 0xffff_f000, 0x1000) }),
    ]);
    expect(result.rejected.map(({ name }) => name)).toEqual(['short', 'empty', 'zero', 'wrap', 'neither']);
    expect(result.staticRegions.map(({ name }) => name)).toEqual(['zero', 'good']);
  });

  it('says why', () => {
    expect(reasons([node('short', { reg: cells(0, 1) })])[0]?.[1]).toMatch(
      /^FDT_ERR_BADVALUE at offset 0x[0-9a-f]+: property "reg" has 8 bytes: a multiple of 12/,
    );
    expect(reasons([node('zero', { reg: cells(0, 0x1000, 0) })])).toEqual([['zero', 'the range at 0x1000 is empty']]);
    expect(reasons([node('neither')])[0]?.[1]).toMatch(/FDT_ERR_NOTFOUND .* no property "size"/);
  });
});

describe('dynamic regions', () => {
  const dynamics = (properties: Record<string, Uint8Array>) => read([node('d', properties)]).dynamicRegions[0];

  it('reads Android’s request: a 2-cell alignment in a tree with 1-cell sizes, ranges in order of preference', () => {
    const allocRanges = cells(9, 0x8000_0000, 0x8000_0000, 0, 0x8000_0000, 0x8000_0000);
    expect(
      dynamics({
        size: cells(0x600_0000),
        alignment: cells(0, 0x1_0000),
        'alloc-ranges': allocRanges,
        reusable: EMPTY,
      }),
    ).toMatchObject({
      name: 'd',
      path: '/reserved-memory/d',
      size: 0x600_0000n,
      alignment: 0x1_0000n,
      allocRanges: [
        { start: 0x9_8000_0000n, end: 0xa_0000_0000n },
        { start: 0x8000_0000n, end: 0x1_0000_0000n },
      ],
      noMap: false,
      reusable: true,
    });
  });

  it('takes size and alignment of one or two cells, and none', () => {
    expect(dynamics({ size: u64Cells(0x1_0000_0000n), alignment: cells(0x1000) })).toMatchObject({
      size: 0x1_0000_0000n,
      alignment: 0x1000n,
    });
    expect(dynamics({ size: cells(1), 'no-map': EMPTY })).toMatchObject({
      alignment: 0n,
      allocRanges: [],
      noMap: true,
    });
  });

  it.each([
    ['size of 3 cells', { size: cells(0, 0, 1) }, 'property "size" has 12 bytes'],
    ['size 0', { size: cells(0) }, 'a request for nothing'],
    ['alignment of 3 cells', { size: cells(1), alignment: cells(0, 0, 1) }, 'property "alignment" has 12 bytes'],
    ['alignment 3', { size: cells(1), alignment: cells(3) }, '0x3 is not a power of two'],
    ['part of an alloc-range', { size: cells(1), 'alloc-ranges': cells(1) }, 'property "alloc-ranges" has 4 bytes'],
  ])('rejects %s', (_, properties, reason) => {
    expect(reasons([node('d', properties as Record<string, Uint8Array>)])).toEqual([
      ['d', expect.stringContaining(reason)],
    ]);
  });
});

describe('/reserved-memory itself', () => {
  const child = node('a', { reg: cells(0, 1, 1) });

  it('is nothing where absent', () => {
    expect(reservedMemory(openTree(node('')))).toEqual({
      staticRegions: [],
      dynamicRegions: [],
      rejected: [],
      disabled: [],
    });
  });

  it.each([
    ['other address cells', { '#address-cells': cells(1) }, "#address-cells is 1; it must equal the root's 2"],
    ['other size cells', { '#size-cells': cells(2) }, "#size-cells is 2; it must equal the root's 1"],
    ['malformed cells', { '#size-cells': cells(1, 1) }, '#size-cells has 8 bytes, not 4'],
  ])('is rejected whole with %s', (_, own, reason) => {
    const result = read([child], own);
    expect(result.rejected).toEqual([{ name: 'reserved-memory', path: '/reserved-memory', reason }]);
    expect(result.staticRegions).toEqual([]);
  });

  it.each(['#address-cells', '#size-cells', 'ranges'])('is rejected whole without %s', (missing) => {
    const own = { '#address-cells': cells(2), '#size-cells': cells(1), ranges: EMPTY };
    const kept = Object.fromEntries(Object.entries(own).filter(([name]) => name !== missing));
    const result = reservedMemory(openTree(node('', {}, [node('reserved-memory', kept, [child])])));
    expect(result.rejected.map(({ reason }) => reason)).toEqual([expect.stringContaining(`${missing} is missing`)]);
    expect(result.staticRegions).toEqual([]);
  });

  it('compares with the defaults 2/1 where the root names no cells', () => {
    const own = { '#address-cells': cells(2), '#size-cells': cells(1), ranges: EMPTY };
    expect(reservedMemory(openTree(node('', {}, [node('reserved-memory', own, [child])]))).staticRegions).toHaveLength(
      1,
    );
  });
});
