// SPDX-License-Identifier: GPL-2.0-only
/** Every operation against a set of numbers, which cannot be wrong about overlaps. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bisect,
  contains,
  firstFit,
  includes,
  intersect,
  join,
  lengthOf,
  overlap,
  placeOf,
  type Range,
  rangeOf,
  subtract,
  totalLength,
} from './range.ts';

const range = fc.tuple(fc.nat(30), fc.nat(12)).map(([start, length]) => ({ start, end: start + length }));
const ranges = fc.array(range, { maxLength: 8 });

const numbersIn = ({ start, end }: Range): number[] => Array.from({ length: end - start }, (_, i) => start + i);
const setOf = (all: readonly Range[]): number[] => [...new Set(all.flatMap(numbersIn))].sort((a, b) => a - b);

function expectAscending(result: readonly Range[]): void {
  for (const [i, { start, end }] of result.entries()) {
    expect(start).toBeLessThan(end);
    if (i > 0) expect(start).toBeGreaterThanOrEqual(result[i - 1]!.start);
  }
}

describe('ranges', () => {
  it('join to what they cover, disjoint and never touching', () => {
    fc.assert(
      fc.property(ranges, (all) => {
        const joined = join(all);
        expect(joined.flatMap(numbersIn)).toEqual(setOf(all));
        for (const [i, { start }] of joined.entries()) if (i > 0) expect(start).toBeGreaterThan(joined[i - 1]!.end);
      }),
    );
  });

  it('without holes are what no hole covers, each with its own fields', () => {
    fc.assert(
      fc.property(ranges, ranges, (all, holes) => {
        const covered = new Set(setOf(holes));
        const left = subtract(
          all.map((one, id) => ({ ...one, id })),
          holes,
        );
        expectAscending(left);
        for (const [id, one] of all.entries()) {
          const parts = left.filter((part) => part.id === id);
          expect(parts.flatMap(numbersIn)).toEqual(numbersIn(one).filter((n) => !covered.has(n)));
        }
      }),
    );
  });

  it('in windows are what both cover', () => {
    fc.assert(
      fc.property(ranges, ranges, (all, windows) => {
        const inside = new Set(setOf(windows));
        const parts = intersect(all, join(windows));
        expectAscending(parts);
        expect(setOf(parts)).toEqual(setOf(all).filter((n) => inside.has(n)));
        expect(totalLength(parts)).toBe(all.flatMap(numbersIn).filter((n) => inside.has(n)).length);
      }),
    );
  });

  it('share, hold and include numbers as sets do', () => {
    fc.assert(
      fc.property(range, range, fc.nat(45), (a, b, n) => {
        const [inA, inB] = [numbersIn(a), numbersIn(b)];
        expect(overlap(a, b)).toBe(inA.some((one) => inB.includes(one)));
        expect(includes(a, n)).toBe(inA.includes(n));
        expect(includes({ start: BigInt(a.start), end: BigInt(a.end) }, BigInt(n))).toBe(inA.includes(n));
        if (inB.length > 0) expect(contains(a, b)).toBe(inB.every((one) => inA.includes(one)));
        expect(lengthOf(a)).toBe(inA.length);
        expect(rangeOf(placeOf(a))).toEqual(a);
      }),
    );
  });

  it('have a lowest place that fits, or none', () => {
    const places = fc.record({
      size: fc.integer({ min: 1, max: 6 }),
      align: fc.constantFrom(1, 2, 4),
      from: fc.nat(20),
    });
    fc.assert(
      fc.property(ranges, ranges, places, (rooms, taken, { size, align, from }) => {
        const fits = (at: number): boolean => {
          const place = { start: at, end: at + size };
          return rooms.some((room) => contains(room, place)) && !taken.some((one) => overlap(one, place));
        };
        const candidates = numbersIn({ start: from, end: 50 }).filter((at) => at % align === 0);
        expect(firstFit(rooms, taken, size, align, from)).toBe(candidates.find(fits) ?? null);
      }),
    );
  });

  it('are found by bisection', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { maxLength: 20 }), fc.nat(21), (numbers, limit) => {
        const sorted = numbers.toSorted((a, b) => a - b);
        expect(bisect(sorted.length, (i) => sorted[i]! < limit)).toBe(sorted.filter((n) => n < limit).length);
      }),
    );
  });
});
