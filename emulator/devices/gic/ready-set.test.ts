// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  intidOfKey,
  lowestBit,
  NOTHING_READY,
  PRIORITY_LEVELS,
  PRIORITY_SHIFT,
  priorityOfKey,
  ReadySet,
} from './ready-set.ts';

const member = fc.record({
  level: fc.nat(PRIORITY_LEVELS - 1),
  intid: fc.oneof(fc.nat(40), fc.nat(1019)),
  add: fc.boolean(),
});

describe('ReadySet', () => {
  it('answers the most urgent member after any adding and removing, the smaller INTID between equals', () => {
    fc.assert(
      fc.property(fc.array(member, { maxLength: 200 }), (steps) => {
        const set = new ReadySet();
        const expected = new Set<number>();
        for (const { level, intid, add } of steps) {
          if (add) {
            set.add(level, intid);
            expected.add(level * 1024 + intid);
          } else {
            set.remove(level, intid);
            expected.delete(level * 1024 + intid);
          }
          expect(set.best()).toBe(expected.size === 0 ? NOTHING_READY : Math.min(...expected));
        }
      }),
    );
  });

  it.each([
    [0, 0],
    [31, 1019],
    [20, 32],
  ])('a key holds level %i and INTID %i', (level, intid) => {
    const set = new ReadySet();
    set.add(level, intid);
    expect(intidOfKey(set.best())).toBe(intid);
    expect(priorityOfKey(set.best())).toBe(level << PRIORITY_SHIFT);
  });
});

describe('lowestBit', () => {
  it.each(Array.from({ length: 32 }, (_, n) => n))('finds bit %i below others', (n) => {
    expect(lowestBit(1 << n)).toBe(n);
    expect(lowestBit(-1 << n)).toBe(n);
  });
});
