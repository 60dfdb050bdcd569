// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { decodeName, encodeName } from './text.ts';

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
