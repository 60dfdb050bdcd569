import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeName, decodeUtf8, encodeName, encodeUtf8 } from './text.ts';

describe('UTF-8', () => {
  it('agrees with the platform on any well-formed text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = encodeUtf8(text);
        expect(bytes).toEqual(new TextEncoder().encode(text));
        expect(decodeUtf8(bytes)).toBe(text);
      }),
    );
  });

  it('reads any bytes without failing, and well-formed parts as the platform does', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const text = decodeUtf8(bytes);
        // How many replacement characters a broken sequence makes is nobody's standard; what stands
        // between them is.
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

describe('names', () => {
  it('keep every byte', () => {
    const bytes = Uint8Array.from({ length: 255 }, (_, i) => i + 1);
    expect(encodeName(decodeName(bytes, 0, 255))).toEqual(bytes);
    const long = new Uint8Array(10_000).fill(0x61);
    expect(decodeName(long, 1, 9_999)).toBe('a'.repeat(9_998));
  });

  it.each(['a\0', '€'])('refuse %j', (name) => {
    expect(() => encodeName(name)).toThrow(RangeError);
  });
});
