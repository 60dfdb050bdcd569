// SPDX-License-Identifier: GPL-2.0-only
/** The compiler against dtc: the same bytes, and errors where a person looks for them. */

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { Fdt } from '#fdt/fdt.ts';
import { compileDts, DtsError } from './compile.ts';
import { decompileDts } from './decompile.ts';

const hasDtc = spawnSync('dtc', ['--version']).status === 0;

function dtc(source: string): Uint8Array {
  const { status, stdout, stderr } = spawnSync('dtc', ['-q', '-I', 'dts', '-O', 'dtb'], { input: source });
  if (status !== 0) throw new Error(stderr.toString());
  return stdout;
}

const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const inRoot = (text: string): string => `/dts-v1/;\n/ { ${text} };\n`;

const SOURCES: readonly [string, string][] = [
  ['nothing', inRoot('')],
  ['an empty property', inRoot('a;')],
  ['strings and escapes', inRoot(String.raw`a = "b", "c\n\t\"\\\x41\101"; compatible = "x,y";`)],
  ['cells', inRoot("a = <1 0x2 010 'c' 0xffffffff>, <(-1)>; b = <>;")],
  [
    'expressions',
    inRoot('a = <(1 + 2 * 3) (1 << 4 | 3) (7 / 2 % 2) ((5 > 3) ? 8 : 9) (~0 & 0xff) (!0 && 1) (3 ^ 1)>;'),
  ],
  ['widths', inRoot('a = /bits/ 8 <1 255>, /bits/ 16 <0x1234>; b = /bits/ 64 <0x123456789abcdef0 1>;')],
  ['bytes', inRoot('a = [00 ff 1234 aB]; b = "x", <1>, [02];')],
  ['nodes and comments', inRoot('/* one */ a = <1>; // two\n n@1f { b; m { }; }; o { };')],
  ['odd names', inRoot('#address-cells = <2>; linux,x-y_z+1.? = <1>; 1st = <3>; n@0,1 { };')],
  ['reservations', '/dts-v1/;\n/memreserve/ 0x40000000 (4 * 1024);\n/memreserve/ 0x880000000 0x1000;\n/ { };\n'],
  [
    'phandles, forwards and backwards',
    inRoot('a = <&two &one 5>; one: n1 { x = <&two>; }; two: n2 { phandle = <1>; };'),
  ],
  ['paths', inRoot('aliases { s = &uart; t = &{/soc/uart@1}, "!"; }; soc { uart: uart@1 { }; };')],
  [
    'merging',
    '/dts-v1/;\n/ { a = <1>; b; n: n { c; }; };\n/ { a = <2>; d; n { e; }; m { }; };\n&n { c = "new"; q { }; };\n',
  ],
  ['paths as targets', '/dts-v1/;\n/ { a { b { }; }; };\n&{/a/b} { c = <3>; };\n'],
  [
    'deleting',
    '/dts-v1/;\n/ { a; b; x: n { }; m { }; };\n/ { /delete-property/ a; /delete-node/ m; };\n/delete-node/ &x;\n',
  ],
  ['labels everywhere', inRoot('l1: l2: n { p: a = v: <w: 1 x:> y:, [z: 01]; };')],
  ['the boot CPU', inRoot('#address-cells = <1>; cpus { cpu@3 { reg = <3>; }; };')],
];

describe.skipIf(!hasDtc)('as dtc (needs dtc on PATH)', () => {
  it.each(SOURCES)('compiles %s', (_what, source) => {
    expect(hexOf(compileDts(source))).toBe(hexOf(dtc(source)));
  });
});

it('compiles what it decompiled to the same bytes, also of what no source would say', () => {
  for (const [, source] of SOURCES) {
    const blob = compileDts(source);
    expect(hexOf(compileDts(decompileDts(Fdt.open(blob))))).toBe(hexOf(blob));
  }
  // No text: an empty string inside, no end, a byte that cannot be printed.
  const odd = compileDts(inRoot('a = [41 00 00 42 00]; b = [41 42]; c = [41 7f 00]; d = [00];'));
  expect(hexOf(compileDts(decompileDts(Fdt.open(odd))))).toBe(hexOf(odd));
});

describe('an error', () => {
  it.each<[string, number, number, RegExp]>([
    ['', 1, 1, /begins with "\/dts-v1\/;", found the end/],
    ['/dts-v1/;\n', 2, 1, /no root node/],
    ['/dts-v1/;\n/ {\n  a = <1 2\n};\n', 4, 1, /expected a number, &label or ">", found "};"/],
    ['/dts-v1/;\n/ {\n  a = <1>\n  b;\n};\n', 4, 3, /expected ";" after the value of "a", found "b;"/],
    ['/dts-v1/;\n/ { a = <0x1ffffffff>; };', 2, 10, /0x1ffffffff does not fit 32 bits/],
    ['/dts-v1/;\n/ { a = <&gone>; };', 2, 10, /no node before has the label "gone"/],
    ['/dts-v1/;\n/ { a = &{/gone}; };', 2, 9, /there is no node \/gone/],
    ['/dts-v1/;\n/ { n { }; a; };', 2, 12, /properties come first/],
    ['/dts-v1/;\n/ { a; a; };', 2, 8, /"a" stands twice/],
    ['/dts-v1/;\n/include/ "x.dtsi"\n/ { };', 2, 1, /\/include\/ is not in the part/],
    ['/dts-v1/;\n/ { a = [0]; };', 2, 10, /two hexadecimal digits/],
    ['/dts-v1/;\n/ { a = <(1 / 0)>; };', 2, 13, /division by zero/],
    ['/dts-v1/;\n/* never\n/ { };', 2, 1, /comment has no end/],
    ['/dts-v1/;\n/ { x: a { }; x: b { }; };', 1, 1, /two nodes have the label "x"/],
    ['/dts-v1/;\n/ { a = /bits/ 7 <1>; };', 2, 9, /8, 16, 32 or 64/],
    ['/dts-v1/;\n/ { a = 5; };', 2, 9, /expected a value of "a"/],
    [`/dts-v1/;\n/ ${'{ n '.repeat(300)}`, 2, 807, /more than 200 nodes/],
  ])('in %j is at line %i, column %i', (source, line, column, message) => {
    let error: unknown = null;
    try {
      compileDts(source);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DtsError);
    expect(error).toMatchObject({ line, column });
    expect((error as DtsError).message).toMatch(message);
  });
});
