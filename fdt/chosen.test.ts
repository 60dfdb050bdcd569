// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { node, openTree } from './testing/blob-builder.ts';
import { chosen } from './chosen.ts';
import { cells, stringValue, u64Cells } from './tree.ts';

function read(properties: Record<string, Uint8Array>, name = 'chosen') {
  return chosen(
    openTree(
      node('', {}, [node(name, properties), node('aliases', { serial0: stringValue('/uart@1') }), node('uart@1')]),
    ),
  );
}

describe('chosen', () => {
  it('is all null where the node or its properties are absent', () => {
    const nothing = {
      bootargs: null,
      stdoutPath: null,
      stdoutOptions: null,
      stdout: null,
      initrd: null,
      initrdIgnored: null,
      usableMemory: null,
      usableMemoryIgnored: null,
    };
    expect(chosen(openTree(node('')))).toEqual(nothing);
    expect(read({})).toEqual(nothing);
  });

  it.each([
    ['console=ttyAMA0', stringValue('console=ttyAMA0')],
    ['', stringValue('')],
    ['', new Uint8Array()],
    ['ab', Uint8Array.of(0x61, 0x62)],
  ])('reads bootargs %j', (text, bootargs) => {
    expect(read({ bootargs }).bootargs).toBe(text);
    expect(read({ bootargs }, 'chosen@0').bootargs).toBe(text);
  });

  it.each([
    ['serial0:115200n8', 'serial0', '115200n8', '/uart@1'],
    ['serial0', 'serial0', null, '/uart@1'],
    ['/uart@1:', '/uart@1', '', '/uart@1'],
    ['/uart', '/uart', null, '/uart@1'],
    ['/gone', '/gone', null, null],
    ['serial9:1', 'serial9', '1', null],
  ])('resolves stdout-path %j', (value, stdoutPath, stdoutOptions, target) => {
    const result = read({ 'stdout-path': stringValue(value) });
    expect(result).toMatchObject({ stdoutPath, stdoutOptions });
    expect(result.stdout?.path ?? null).toBe(target);
  });

  it('takes the older linux,stdout-path', () => {
    expect(read({ 'linux,stdout-path': stringValue('/uart@1') }).stdout?.name).toBe('uart@1');
  });

  it.each([
    ['4 bytes', cells(0x4800_0000), cells(0x4850_0000), 0x4800_0000n, 0x4850_0000n],
    ['8 bytes', u64Cells(0x8_8600_0000n), u64Cells(0x8_8600_0001n), 0x8_8600_0000n, 0x8_8600_0001n],
    ['4 and 8 bytes', cells(0), u64Cells(0x1_0000_0000n), 0n, 0x1_0000_0000n],
  ])('reads an initrd of %s', (_, first, last, start, end) => {
    const result = read({ 'linux,initrd-start': first, 'linux,initrd-end': last });
    expect(result).toMatchObject({ initrd: { start, end }, initrdIgnored: null });
  });

  it.each([
    ['no end', { 'linux,initrd-start': cells(1) }, 'linux,initrd-end is missing'],
    ['no start', { 'linux,initrd-end': cells(1) }, 'linux,initrd-start is missing'],
    [
      'an empty range',
      { 'linux,initrd-start': cells(16), 'linux,initrd-end': cells(16) },
      'it starts at 0x10 and ends at 0x10',
    ],
    [
      'a reversed range',
      { 'linux,initrd-start': cells(2), 'linux,initrd-end': cells(1) },
      'it starts at 0x2 and ends at 0x1',
    ],
    [
      '12 bytes',
      { 'linux,initrd-start': cells(0, 0, 1), 'linux,initrd-end': cells(9) },
      'linux,initrd-start has 12 bytes, neither 4 nor 8',
    ],
  ])('ignores an initrd with %s and says so', (_, properties, reason) => {
    expect(read(properties as unknown as Record<string, Uint8Array>)).toMatchObject({
      initrd: null,
      initrdIgnored: reason,
    });
  });
});
