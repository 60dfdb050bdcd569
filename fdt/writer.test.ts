// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { begin, blob, END, END_NODE, node, NOP, openTree, prop } from './testing/blob-builder.ts';
import { Fdt } from './fdt.ts';
import { cells, type FdtNode, type FdtTree, readTree, stringListValue, stringValue, u64Cells } from './tree.ts';
import { writeFdt } from './writer.ts';

const U64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
/** Any name that a blob can hold, from few letters so that names and tails collide. */
const NAME = fc.oneof(
  fc.stringMatching(/^[abc,@#-]{0,5}$/),
  fc.array(fc.integer({ min: 1, max: 255 }), { maxLength: 6 }).map((codes) => String.fromCharCode(...codes)),
);
const PROPERTIES = fc.array(fc.record({ name: NAME, value: fc.uint8Array({ maxLength: 20 }) }), { maxLength: 4 });
/** Nodes at most `depth` below the root. */
function nodes(name: fc.Arbitrary<string>, depth: number): fc.Arbitrary<FdtNode> {
  const children = depth === 0 ? fc.constant([]) : fc.array(nodes(NAME, depth - 1), { maxLength: 3 });
  return fc.record({ name, properties: PROPERTIES, children });
}
const TREE: fc.Arbitrary<FdtTree> = fc.record({
  reservations: fc.array(fc.record({ address: U64, size: U64.filter((size) => size > 0n) }), { maxLength: 4 }),
  bootCpuid: fc.nat(0xffff_ffff),
  root: nodes(fc.constant(''), 3),
});

describe('write, then read', () => {
  it('is the identity on any tree', () => {
    fc.assert(
      fc.property(TREE, fc.nat(64), (tree, slack) => {
        const bytes = writeFdt(tree);
        expect(readTree(Fdt.open(bytes))).toEqual(tree);
        const padded = writeFdt(tree, { padTo: bytes.length + slack });
        expect(padded.length).toBe(bytes.length + slack);
        expect(readTree(Fdt.open(padded))).toEqual(tree);
      }),
      { numRuns: 300 },
    );
  });

  it('works at any depth and width', () => {
    let deep: FdtNode = node('leaf', { a: cells(1) });
    for (let i = 0; i < 50_000; i++) deep = node('n', {}, [deep]);
    const wide = Array.from({ length: 20_000 }, (_, i) => node(`n@${i}`, { reg: cells(i) }));
    const fdt = openTree(node('', {}, [deep, ...wide]));
    const tree = readTree(fdt);
    const again = writeFdt(readTree(Fdt.open(writeFdt(tree))));
    expect(Buffer.compare(again, writeFdt(tree))).toBe(0);
    expect(fdt.getPath('/n@19999').u32('reg')).toBe(19_999);
    expect(fdt.getPath(`${'/n'.repeat(50_000)}/leaf`).path).toHaveLength(100_005);
  });

  it('drops what no reader sees: FDT_NOP, properties after a sub-node, padding', () => {
    const struct = [
      [begin(''), NOP, prop(0, [1], 0xff), NOP, begin('n'), NOP, END_NODE],
      [prop(2, [2]), END_NODE, END, NOP],
    ].flat();
    expect(readTree(Fdt.open(blob({ struct })))).toEqual({
      reservations: [],
      bootCpuid: 0,
      root: node('', { a: Uint8Array.of(1) }, [node('n')]),
    });
  });

  it.each([
    ['a Uint8Array', (bytes: Uint8Array) => bytes],
    ['a Buffer, whose slice() shares', (bytes: Uint8Array) => Buffer.from(bytes)],
  ])('shares no bytes with a blob that is %s', (_, convert) => {
    const bytes = convert(writeFdt({ reservations: [], bootCpuid: 0, root: node('', { a: cells(1) }) }));
    const tree = readTree(Fdt.open(bytes));
    bytes.fill(0);
    expect(tree.root.properties[0]?.value).toEqual(cells(1));
  });
});

describe('layout', () => {
  it('is dtc’s: reservations at 0x28, then structure, then strings, each name once and tails shared', () => {
    const root = node('', { 'linux,phandle': cells(1), phandle: cells(1) }, [
      node('n', { phandle: cells(2), p: cells() }),
    ]);
    const { header } = Fdt.open(writeFdt({ reservations: [{ address: 1n, size: 2n }], bootCpuid: 3, root }));
    expect(header).toEqual({
      totalSize: 0x48 + 0x58 + 16,
      version: 17,
      lastCompatibleVersion: 16,
      bootCpuid: 3,
      reservationsOffset: 0x28,
      structOffset: 0x48,
      structEnd: 0x48 + 0x58,
      stringsOffset: 0x48 + 0x58,
      stringsEnd: 0x48 + 0x58 + 16,
    });
  });

  it('refuses to exceed padTo', () => {
    const tree = { reservations: [], bootCpuid: 0, root: node('') };
    expect(writeFdt(tree, { padTo: 0x48 })).toHaveLength(0x48);
    expect(() => writeFdt(tree, { padTo: 0x47 })).toThrow('FDT_ERR_NOSPACE at offset 0x47: the tree needs 72 bytes');
  });

  it.each([
    ['a named root', { reservations: [], bootCpuid: 0, root: node('x') }],
    ['NUL in a node name', { reservations: [], bootCpuid: 0, root: node('', {}, [node('a\0b')]) }],
    ['NUL in a property name', { reservations: [], bootCpuid: 0, root: node('', { 'a\0': cells() }) }],
    ['a name beyond a byte', { reservations: [], bootCpuid: 0, root: node('', {}, [node('€')]) }],
    ['an empty reservation', { reservations: [{ address: 1n, size: 0n }], bootCpuid: 0, root: node('') }],
    [
      'a reservation beyond 64 bits',
      { reservations: [{ address: 2n ** 64n, size: 1n }], bootCpuid: 0, root: node('') },
    ],
    ['a boot CPU of -1', { reservations: [], bootCpuid: -1, root: node('') }],
  ])('refuses %s', (_, tree: FdtTree) => {
    expect(() => writeFdt(tree)).toThrow(RangeError);
  });
});

describe('values', () => {
  it('are big-endian and terminated', () => {
    expect([...cells(1, 0xfffe_fdfc)]).toEqual([0, 0, 0, 1, 255, 254, 253, 252]);
    expect([...u64Cells(0x8_8000_0000n)]).toEqual([0, 0, 0, 8, 128, 0, 0, 0]);
    expect([...stringValue('é')]).toEqual([0xc3, 0xa9, 0]);
    expect([...stringListValue('a', '', 'b')]).toEqual([97, 0, 0, 98, 0]);
    expect([...stringListValue()]).toEqual([]);
  });

  it.each([
    () => cells(2 ** 32),
    () => cells(-1),
    () => cells(0.5),
    () => u64Cells(-1n),
    () => u64Cells(2n ** 64n),
    () => stringValue('a\0'),
  ])('refuse what does not fit (%#)', (make) => {
    expect(make).toThrow(RangeError);
  });
});
