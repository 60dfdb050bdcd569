// SPDX-License-Identifier: GPL-2.0-only
/** Integers in code, against the encoder of module.ts. */

import { describe, expect, it } from 'vitest';
import { signed, unsigned } from './binary.ts';
import { Bytes } from './bytes.ts';

const appended = (append: (to: Bytes) => void): number[] => {
  const bytes = new Bytes();
  append(bytes);
  return [...bytes.all];
};

describe('Bytes', () => {
  it.each([0, 1, 0x7f, 0x80, 0x3fff, 0x4000, 0x7fff_ffff, 0xffff_ffff])('has %d as unsigned LEB128', (value) => {
    expect(appended((to) => to.unsigned(value))).toEqual(unsigned(value));
  });

  it.each([0, 0x3f, 0x40, -1, -0x40, -0x41, 0x1fff, 0x2000, -0x2000, -0x2001, 2 ** 31 - 1, -(2 ** 31)])(
    'has %d as signed LEB128, of 32 and of 64 bits',
    (value) => {
      expect(appended((to) => to.signed(value))).toEqual(signed(BigInt(value)));
      expect(appended((to) => to.wide(BigInt(value)))).toEqual(signed(BigInt(value)));
    },
  );

  it.each([2n ** 31n, -(2n ** 31n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)])(
    'has %d as signed LEB128 of 64 bits',
    (value) => {
      expect(appended((to) => to.wide(value))).toEqual(signed(value));
    },
  );

  it('keeps what it has when it grows', () => {
    const values = Array.from({ length: 5000 }, (_, i) => (i * 7) & 0xff);
    expect(appended((to) => values.forEach((value) => to.byte(value)))).toEqual(values);
  });
});
