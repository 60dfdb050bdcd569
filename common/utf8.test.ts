// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

describe('encodeUtf8', () => {
  it.each([
    ['', []],
    ['A\n', [0x41, 0x0a]],
    ['é', [0xc3, 0xa9]],
    ['—', [0xe2, 0x80, 0x94]],
    ['😀', [0xf0, 0x9f, 0x98, 0x80]],
    ['\u007f\u0080\u07ff\u0800', [0x7f, 0xc2, 0x80, 0xdf, 0xbf, 0xe0, 0xa0, 0x80]],
    ['\ud7ff\ue000\uffff', [0xed, 0x9f, 0xbf, 0xee, 0x80, 0x80, 0xef, 0xbf, 0xbf]],
    ['\udbff\udfff', [0xf4, 0x8f, 0xbf, 0xbf]],
    ['\udfff', [0xef, 0xbf, 0xbd]],
    ['\ud800x', [0xef, 0xbf, 0xbd, 0x78]],
  ])('encodes %j', (text, bytes) => {
    expect([...encodeUtf8(text)]).toEqual(bytes);
  });

  it("agrees with the host's encoder on any string, lone surrogates included", () => {
    const units = fc.array(fc.oneof(fc.nat(0xffff), fc.integer({ min: 0xd7f0, max: 0xe010 })), { maxLength: 40 });
    fc.assert(
      fc.property(units, (codes) => {
        const text = String.fromCharCode(...codes);
        expect(encodeUtf8(text)).toEqual(Uint8Array.from(new TextEncoder().encode(text)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('decodeUtf8', () => {
  it('reads back any well-formed text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(decodeUtf8(encodeUtf8(text))).toBe(text);
      }),
    );
  });

  it('reads any bytes without failing, and well-formed parts as the platform does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const text = decodeUtf8(bytes);
        // No standard says how many replacement characters a broken sequence makes. The text
        // between them must be equal.
        const parts = (read: string) => read.split(/\ufffd+/);
        expect(parts(text)).toEqual(parts(new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)));
      }),
    );
  });

  it.each([
    [[0xc0, 0x80], 2],
    [[0xed, 0xa0, 0x80], 3],
    [[0xf4, 0x90, 0x80, 0x80], 4],
    [[0xe2, 0x82], 2],
    [[0xff], 1],
  ])('%o is no character', (bytes, replaced) => {
    expect(decodeUtf8(Uint8Array.from(bytes))).toBe('\ufffd'.repeat(replaced));
  });
});
