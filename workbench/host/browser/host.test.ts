// SPDX-License-Identifier: GPL-2.0-only
/** The browser's modules do the same for the machine as Node's. */

import { deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '#common/bytes.ts';
import * as inBrowser from './compression.ts';
import { sha256 as sha256InBrowser } from './sha256.ts';
import { CompressionError } from '#workbench/host/compression-error.ts';
import * as inNode from '#workbench/host/node/compression.ts';
import { sha256 } from '#workbench/host/node/sha256.ts';

const text = new TextEncoder().encode('a kernel '.repeat(3000));
const other = Uint8Array.from({ length: 7000 }, (_, index) => (index * index) >>> 3);
const MIB = 2 ** 20;

/** The result of `work`, or its error. */
function outcome(work: () => unknown): unknown {
  try {
    const made = work();
    return made instanceof Uint8Array ? Buffer.from(made).toString('latin1') : made;
  } catch (error) {
    if (!(error instanceof CompressionError)) throw error;
    return error.kind === 'too large' ? error.kind : [error.kind, error.message];
  }
}

const two = concatBytes([gzipSync(text), gzipSync(other)]);
const wrongSum = gzipSync(text);
wrongSum.fill(1, wrongSum.length - 8);

describe.each([
  ['two members', two, MIB],
  ['two members and zeros', concatBytes([two, new Uint8Array(9)]), MIB],
  ['two members and text', concatBytes([two, text.subarray(0, 9)]), MIB],
  ['a member cut short', gzipSync(text).subarray(0, 40), MIB],
  ['a wrong sum', wrongSum, MIB],
  ['no gzip', text, MIB],
  ['more than is permitted', two, 1000],
])('of %s', (_what, bytes, most) => {
  it('gunzipMembers makes the same', () => {
    const wanted = outcome(() => inNode.gunzipMembers(bytes, most));
    expect(outcome(() => inBrowser.gunzipMembers(bytes, most))).toEqual(wanted);
  });
});

it('deflate and inflate understand each other', () => {
  for (const [packer, unpacker] of [
    [inNode, inBrowser],
    [inBrowser, inNode],
  ] as const) {
    for (const bytes of [text, other, new Uint8Array()]) {
      expect([...unpacker.inflate(packer.deflate(bytes, 1), MIB)]).toEqual([...bytes]);
    }
    expect(outcome(() => unpacker.inflate(packer.deflate(text, 1), text.length - 1))).toBe('too large');
  }
});

it('deflatedLength finds the end of deflated data', () => {
  const raw = deflateRawSync(other);
  const bytes = concatBytes([raw, text]);
  expect([inNode, inBrowser].map((host) => host.deflatedLength(bytes, MIB))).toEqual([raw.length, raw.length]);
});

it('sha256 is the same', () => {
  const parts = [text, 'é and more', other];
  const [one, another] = [sha256, sha256InBrowser].map((make) => {
    const hash = make();
    for (const part of parts) hash.update(part);
    return hash.hex();
  });
  expect(another).toBe(one);
  expect([...sha256InBrowser().update('abc').digest().subarray(0, 4)]).toEqual([0xba, 0x78, 0x16, 0xbf]);
});
