// SPDX-License-Identifier: GPL-2.0-only
/** Integers in code, against numbers read back as the specification defines them. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bytes } from './bytes.ts';

const appended = (append: (to: Bytes) => void): number[] => {
  const bytes = new Bytes();
  append(bytes);
  return [...bytes.all];
};

/** Sum of the digits of seven bits; a signed number's last digit has its sign in bit 6. */
const valueOf = (bytes: readonly number[], isSigned: boolean): bigint => {
  const sum = bytes.reduce((value, byte, i) => value + (BigInt(byte & 0x7f) << BigInt(7 * i)), 0n);
  return isSigned ? BigInt.asIntN(7 * bytes.length, sum) : sum;
};
const isWhole = (bytes: readonly number[]): boolean => bytes.every((byte, i) => byte >= 0x80 === i < bytes.length - 1);
/** Digits that a number needs. */
const digits = (bits: number): number => Math.ceil(bits / 7);

describe('Bytes', () => {
  it.each([
    [0, [0x00]],
    [0x7f, [0x7f]],
    [0x80, [0x80, 0x01]],
    [0xffff_ffff, [0xff, 0xff, 0xff, 0xff, 0x0f]],
  ])('has %d as unsigned LEB128', (value, bytes) => {
    expect(appended((to) => to.unsigned(value))).toEqual(bytes);
  });

  it.each([
    [0x3f, [0x3f]],
    [0x40, [0xc0, 0x00]],
    [-1, [0x7f]],
    [-0x40, [0x40]],
    [-0x41, [0xbf, 0x7f]],
    [-(2 ** 31), [0x80, 0x80, 0x80, 0x80, 0x78]],
  ])('has %d as signed LEB128, of 32 and of 64 bits', (value, bytes) => {
    expect(appended((to) => to.signed(value))).toEqual(bytes);
    expect(appended((to) => to.wide(BigInt(value)))).toEqual(bytes);
  });

  it('has any number in as few bytes as it needs', () => {
    const signedBits = (value: bigint): number =>
      (value < 0n ? ~value : value).toString(2).replace(/^0$/, '').length + 1;
    fc.assert(
      fc.property(
        fc.nat(0xffff_ffff),
        fc.integer(),
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        (u, s, w) => {
          const unsigned = appended((to) => to.unsigned(u));
          const signed = appended((to) => to.signed(s));
          const wide = appended((to) => to.wide(w));
          expect([valueOf(unsigned, false), valueOf(signed, true), valueOf(wide, true)]).toEqual([
            BigInt(u),
            BigInt(s),
            w,
          ]);
          expect([unsigned, signed, wide].every(isWhole)).toBe(true);
          expect(unsigned.length).toBe(digits(Math.max(1, u.toString(2).length)));
          expect([signed.length, wide.length]).toEqual([digits(signedBits(BigInt(s))), digits(signedBits(w))]);
        },
      ),
    );
  });

  it('keeps what it has when it grows', () => {
    const values = Array.from({ length: 5000 }, (_, i) => (i * 7) & 0xff);
    expect(appended((to) => values.forEach((value) => to.byte(value)))).toEqual(values);
  });
});
