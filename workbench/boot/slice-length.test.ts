// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { SliceLength } from './slice-length.ts';

const MOST = 10_000_000;

/**
 * Milliseconds that each of `count` slices takes of a guest that executes `rate` instructions a
 * millisecond.
 */
function slices(length: SliceLength, rate: number, count: number): number[] {
  return Array.from({ length: count }, () => {
    const ms = length.instructions / rate;
    length.took(ms);
    return ms;
  });
}

describe('the length of a slice', () => {
  it('grows to the most where instructions cost nothing, and no further', () => {
    const length = new SliceLength(MOST);
    slices(length, 1e9, 30);
    expect(length.instructions).toBe(MOST);
  });

  it.each([2_000, 50_000, 400_000])(
    'settles where a slice of a guest of %i instructions a millisecond takes a frame',
    (rate) => {
      const length = new SliceLength(MOST);
      slices(length, rate, 20);
      for (const ms of slices(length, rate, 5)) {
        expect(ms).toBeGreaterThanOrEqual(5);
        expect(ms).toBeLessThanOrEqual(20);
      }
    },
  );

  it('is short again after one long slice, when a guest begins to poll', () => {
    const length = new SliceLength(MOST);
    slices(length, 400_000, 20);
    const [, second, third] = slices(length, 2_000, 3);
    expect([second, third].every((ms) => (ms as number) <= 20)).toBe(true);
  });

  it('stays above the least for a guest that crawls', () => {
    const length = new SliceLength(MOST);
    slices(length, 0.1, 5);
    expect(length.instructions).toBe(10_000);
  });
});
