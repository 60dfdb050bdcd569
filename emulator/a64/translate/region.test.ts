// SPDX-License-Identifier: GPL-2.0-only
/** Which instructions a region takes. */

import { describe, expect, it } from 'vitest';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import { findRegion } from './region.ts';

const NOP = 0xd503_201f;
const RET = 0xd65f_03c0;
/** To an offset from itself, in bytes. */
const cbz = (by: number): number => 0xb400_0000 + ((by / 4) << 5);
const b = (by: number): number => 0x1400_0000 + by / 4;

/** 0: cbz to 16; 4: nop; 8: b to 24; 16: nop; 20: ret; 24: ret */
const CODE = [cbz(16), NOP, b(16), NOP, NOP, RET, RET];

function offsetsOf(reached: readonly number[]): number[] {
  const { blocks } = findRegion(
    {
      word: (offset) => (CODE[offset / 4] ?? RET) | 0,
      decode: (word) => instructionDecoder().decode(word, () => true),
      isReached: (offset) => reached.includes(offset),
    },
    0,
  );
  return blocks.flatMap(({ start, steps }) => steps.map((_, i) => start + 4 * i));
}

describe('findRegion', () => {
  it('takes the target of a conditional branch that control came to', () => {
    expect(offsetsOf([16])).toEqual([0, 4, 8, 16, 20, 24]);
  });

  it('leaves it out where control was never; other branches are followed', () => {
    expect(offsetsOf([])).toEqual([0, 4, 8, 24]);
  });
});
