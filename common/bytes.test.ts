// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, sameBytes } from './bytes.ts';

/** `bytes` at an odd place of a larger buffer. */
const displaced = (bytes: Uint8Array, by: number): Uint8Array => {
  const buffer = new Uint8Array(bytes.length + by + 3);
  buffer.set(bytes, by);
  return buffer.subarray(by, by + bytes.length);
};

describe('sameBytes', () => {
  it('finds any one byte that differs, wherever the two lie', () => {
    const bytes = fc.uint8Array({ minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(bytes, fc.nat(4), fc.nat(4), fc.nat(), (one, by, other, which) => {
        const copy = displaced(one, other);
        expect(sameBytes(displaced(one, by), copy)).toBe(true);
        const at = which % one.length;
        copy[at] = (copy[at] as number) ^ 1;
        expect(sameBytes(displaced(one, by), copy)).toBe(false);
      }),
    );
  });

  it('takes lengths into account', () => {
    expect(sameBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
    expect(sameBytes(new Uint8Array(), new Uint8Array())).toBe(true);
  });
});

it('concatBytes keeps order', () => {
  expect([...concatBytes([Uint8Array.of(1, 2), new Uint8Array(), Uint8Array.of(3)])]).toEqual([1, 2, 3]);
});
