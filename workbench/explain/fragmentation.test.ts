// SPDX-License-Identifier: GPL-2.0-only
/**
 * The two indices of fragmentation, against worked vectors and against their definitions frame by
 * frame.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fragmentationIndices, showThousandths, unusableFreeIndices, WOULD_SUCCEED } from './fragmentation.ts';

const shown = (indices: readonly number[]): string => indices.map(showThousandths).join(' ');
const counts = fc.array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 21 });

describe('fragmentationIndices', () => {
  it('near one where memory is in single frames', () => {
    expect(shown(fragmentationIndices([1983, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]))).toBe(
      '-1.000 0.500 0.750 0.875 0.937 0.969 0.984 0.992 0.996 0.998 0.999',
    );
  });

  it('0 where nothing is free: memory is short, not in pieces', () => {
    expect(fragmentationIndices([0, 0, 0])).toEqual([0, 0, 0]);
  });

  it('-1.000 exactly for the orders that an allocation of would succeed', () => {
    fc.assert(
      fc.property(counts, (freeBlocks) => {
        const succeeds = freeBlocks.map((_, order) => freeBlocks.slice(order).some((count) => count > 0));
        expect(fragmentationIndices(freeBlocks).map((index) => index === WOULD_SUCCEED)).toEqual(succeeds);
      }),
    );
  });

  it('one minus (one + free / asked) / blocks, to a thousandth', () => {
    fc.assert(
      fc.property(counts, (freeBlocks) => {
        const blocks = freeBlocks.reduce((sum, count) => sum + count, 0);
        const free = freeBlocks.reduce((sum, count, order) => sum + count * 2 ** order, 0);
        for (const [order, index] of fragmentationIndices(freeBlocks).entries()) {
          if (index === WOULD_SUCCEED || blocks === 0) continue;
          const exact = 1 - (1 + free / 2 ** order) / blocks;
          expect(Math.abs(index / 1000 - exact)).toBeLessThan(0.0021);
        }
      }),
    );
  });
});

describe('unusableFreeIndices', () => {
  it('the share of free memory in blocks that are too small', () => {
    expect(shown(unusableFreeIndices([2, 2, 1, 2, 1, 4, 1, 1, 2, 2, 236]))).toBe(
      '0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.000 0.001 0.003 0.007',
    );
  });

  it('all of it where nothing is free', () => {
    expect(unusableFreeIndices([0, 0])).toEqual([1000, 1000]);
  });

  it('counted frame by frame', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 8 }), (freeBlocks) => {
        // The order of the block of each free frame.
        const frames = freeBlocks.flatMap((count, order) => new Array<number>(count * 2 ** order).fill(order));
        const expected = freeBlocks.map((_, order) =>
          frames.length === 0 ? 1000 : Math.floor((frames.filter((of) => of < order).length * 1000) / frames.length),
        );
        expect(unusableFreeIndices(freeBlocks)).toEqual(expected);
      }),
    );
  });
});
