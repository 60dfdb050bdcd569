// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { begin, blob, END, END_NODE, node, NOP, openTree, prop } from './testing/blob-builder.ts';
import { Fdt } from './fdt.ts';
import { cells, stringListValue, stringValue } from './tree.ts';

const BOARD = openTree(
  node('', { compatible: stringListValue('a,b', 'c') }, [
    node('aliases', {
      serial0: stringValue('/soc/uart@100'),
      relative: stringValue('soc'),
      self: stringValue('self'),
      unterminated: Uint8Array.of(0x2f),
      gone: stringValue('/nowhere'),
    }),
    node('soc', { phandle: cells(5) }, [
      node('uart@100', { compatible: stringListValue('u,v', 'w'), phandle: cells(1), 'linux,phandle': cells(9) }, [
        node('port'),
      ]),
      node('uart@200', { compatible: stringListValue('u,v'), 'linux,phandle': cells(2), phandle: cells(1, 1) }),
      node('uart@200,0', { phandle: cells(1) }),
      node('memory', { device_type: stringValue('memory') }),
    ]),
  ]),
);

describe('paths', () => {
  it.each([
    ['/', '/'],
    ['//', '/'],
    ['/soc', '/soc'],
    ['/soc/', '/soc'],
    ['/soc/uart@200', '/soc/uart@200'],
    ['/soc/uart', '/soc/uart@100'],
    ['//soc//uart/port', '/soc/uart@100/port'],
    ['serial0', '/soc/uart@100'],
    ['serial0/', '/soc/uart@100'],
    ['serial0/port', '/soc/uart@100/port'],
  ])('%s is %s', (path, full) => {
    expect(BOARD.getPath(path).path).toBe(full);
  });

  it.each(['/so', '/soc/uart@2', '/soc/uart@', '/soc/uart@100@', '/uart', 'gone', 'serial0/x', '/soc/uart/port/x'])(
    '%s is not there',
    (path) => {
      expect(BOARD.findPath(path)).toBeNull();
      expect(() => BOARD.getPath(path)).toThrow('FDT_ERR_NOTFOUND at offset');
    },
  );

  it.each(['', 'soc', 'relative', 'self', 'unterminated', 'none/uart'])('%j is no path', (path) => {
    expect(() => BOARD.findPath(path)).toThrow('FDT_ERR_BADPATH at offset');
  });

  it('gives the same object for the same node', () => {
    expect(BOARD.findPath('/soc/uart@100')).toBe(BOARD.findPath('serial0'));
    expect(BOARD.getPath('serial0').parent).toBe(BOARD.getPath('/soc'));
  });
});

describe('lookups', () => {
  it('finds by phandle: the first of several, linux,phandle where phandle has no 4 bytes', () => {
    expect(BOARD.findPhandle(1)?.path).toBe('/soc/uart@100');
    expect(BOARD.findPhandle(2)?.path).toBe('/soc/uart@200');
    expect(BOARD.findPhandle(9)).toBeNull();
  });

  it.each([0, 0xffff_ffff])('refuses %i as a phandle', (phandle) => {
    expect(() => BOARD.findPhandle(phandle)).toThrow('FDT_ERR_BADPHANDLE');
  });

  it('finds by any of the compatible strings, in blob order', () => {
    expect(BOARD.findCompatible('u,v').map((found) => found.name)).toEqual(['uart@100', 'uart@200']);
    expect(BOARD.findCompatible('w', 'c').map((found) => found.path)).toEqual(['/', '/soc/uart@100']);
    expect(BOARD.findCompatible('u')).toEqual([]);
  });

  it('does not match an unterminated compatible string', () => {
    const fdt = openTree(node('', { compatible: Uint8Array.of(0x61, 0, 0x62) }));
    expect(fdt.root.isCompatible('a')).toBe(true);
    expect(fdt.root.isCompatible('b')).toBe(false);
  });

  it('finds by device_type', () => {
    expect(BOARD.findDeviceType('memory').map((found) => found.path)).toEqual(['/soc/memory']);
  });

  it('splits a name into name and unit address', () => {
    expect(BOARD.getPath('/soc/uart@200,0').unitAddress).toBe('200,0');
    expect(BOARD.getPath('/soc').unitAddress).toBeNull();
  });
});

describe('odd but legal blobs', () => {
  it.each([
    ['FDT_END alone', [END], 0],
    ['FDT_NOP before the root', [NOP, begin(''), begin('chosen'), END_NODE, END_NODE, END], 2],
    ['a property before the root', [prop(0), begin(''), END_NODE, END], 1],
  ])('%s: paths give FDT_ERR_BADOFFSET, scans work, aliases are unknown', (_, struct, nodes) => {
    const fdt = Fdt.open(blob({ struct }));
    expect(() => fdt.root).toThrow('FDT_ERR_BADOFFSET at offset 0x38');
    expect(() => fdt.findPath('/chosen')).toThrow('FDT_ERR_BADOFFSET');
    expect(() => fdt.findPath('serial0')).toThrow('FDT_ERR_BADPATH');
    expect([...fdt.nodes()]).toHaveLength(nodes);
  });

  it('skips FDT_NOP wherever it stands', () => {
    const struct = [
      [begin(''), NOP, prop(0, [1]), NOP, NOP, prop(2, [2]), NOP],
      [begin('x'), NOP, END_NODE, NOP, begin('y'), NOP, prop(0, [3, 4, 5]), END_NODE, NOP],
      [END_NODE, END],
    ].flat();
    const fdt = Fdt.open(blob({ struct }));
    expect(fdt.root.properties.map(({ name, value }) => [name, [...value]])).toEqual([
      ['a', [1]],
      ['bc', [2]],
    ]);
    expect(fdt.root.children.map((child) => child.name)).toEqual(['x', 'y']);
    expect([...(fdt.getPath('/y').bytes('a') ?? [])]).toEqual([3, 4, 5]);
  });

  it('takes the first of equal names and hides properties that follow a sub-node', () => {
    const struct = [
      [begin(''), prop(0, [1]), prop(0, [2])],
      [begin('n'), prop(0, [3]), END_NODE, begin('n'), prop(0, [4]), END_NODE],
      [prop(2, [5]), END_NODE, END],
    ].flat();
    const fdt = Fdt.open(blob({ struct }));
    expect([...(fdt.root.bytes('a') ?? [])]).toEqual([1]);
    expect([...(fdt.getPath('/n').bytes('a') ?? [])]).toEqual([3]);
    expect(fdt.root.children).toHaveLength(2);
    expect(fdt.root.findProperty('bc')).toBeNull();
  });

  it('reads names that are tails of others', () => {
    const fdt = Fdt.open(blob({ struct: [begin(''), prop(3, [7]), END_NODE, END] }));
    expect([...(fdt.root.bytes('c') ?? [])]).toEqual([7]);
  });

  it('reads version 16, whose structure block ends with the blob', () => {
    const fdt = Fdt.open(
      blob({ struct: [begin(''), begin('n'), END_NODE, END_NODE, END], header: { version: 16, size_dt_struct: 0 } }),
    );
    expect(fdt.getPath('/n').name).toBe('n');
    expect(fdt.header.version).toBe(16);
  });

  it('ends the reservations at the first entry of size 0', () => {
    const fdt = Fdt.open(blob({ struct: [END], reservations: [0x1000n, 0x2000n, 0x8_8000_0000n, 1n, 5n, 0n, 6n, 6n] }));
    expect(fdt.reservations).toEqual([
      { address: 0x1000n, size: 0x2000n },
      { address: 0x8_8000_0000n, size: 1n },
    ]);
  });
});

describe('property values', () => {
  const fdt = openTree(
    node('', {
      one: cells(0xdeadbeef),
      two: cells(8, 0x8000_0000),
      three: Uint8Array.of(1, 2, 3),
      none: new Uint8Array(),
      text: stringValue('Größe 4 €'),
      list: stringListValue('a', '', 'bc'),
      open: Uint8Array.of(0x61, 0x62),
      ragged: Uint8Array.of(0x61, 0, 0x62),
    }),
  );
  const { root } = fdt;

  it('reads cells', () => {
    expect(root.u32('one')).toBe(0xdeadbeef);
    expect(root.u64('one')).toBe(0xdeadbeefn);
    expect(root.u64('two')).toBe(0x8_8000_0000n);
    expect(root.cells('two')).toEqual([8, 0x8000_0000]);
    expect(root.cells('none')).toEqual([]);
  });

  it('reads strings', () => {
    expect(root.string('text')).toBe('Größe 4 €');
    expect(root.string('ragged')).toBe('a');
    expect(root.stringList('list')).toEqual(['a', '', 'bc']);
    expect(root.stringList('none')).toEqual([]);
    expect(root.getProperty('open').text).toBe('ab');
  });

  it('gives null for what is absent', () => {
    expect([
      root.u32('x'),
      root.u64('x'),
      root.cells('x'),
      root.string('x'),
      root.stringList('x'),
      root.bytes('x'),
    ]).toEqual(new Array(6).fill(null));
    expect(() => root.getProperty('x')).toThrow('FDT_ERR_NOTFOUND at offset 0x38: node "/" has no property "x"');
  });

  it.each([
    ['u32 of 8 bytes', () => root.u32('two')],
    ['u32 of none', () => root.u32('none')],
    ['u64 of 3 bytes', () => root.u64('three')],
    ['cells of 3 bytes', () => root.cells('three')],
    ['an unterminated string', () => root.string('open')],
    ['an empty string value', () => root.string('none')],
    ['an unterminated list', () => root.stringList('ragged')],
  ])('%s is FDT_ERR_BADVALUE', (_, read) => {
    expect(read).toThrow('FDT_ERR_BADVALUE at offset 0x');
  });
});

describe('status', () => {
  it.each([
    ['okay', true],
    ['ok', true],
    ['disabled', false],
    ['okay2', false],
    ['', false],
  ])('%j lets the node be used: %s', (status, available) => {
    expect(openTree(node('', { status: stringValue(status) })).root.available).toBe(available);
  });

  it('is fine when absent', () => {
    expect(openTree(node('')).root.available).toBe(true);
  });
});
