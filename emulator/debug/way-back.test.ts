/**
 * Where going back begins: the last place before the moment that is wanted, with few places for any
 * length of life.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WayBack } from './way-back.ts';

/** A life of so many steps of one interval each. */
function lived(steps: number): { readonly wayBack: WayBack<number>; readonly taken: number[] } {
  const wayBack = new WayBack(() => 0, 10);
  const taken: number[] = [];
  for (let now = 10; now <= steps * 10; now += 10) {
    if (!wayBack.isDue(now)) continue;
    wayBack.add({ instructions: now, entries: 0, begin: () => now });
    taken.push(now);
  }
  return { wayBack, taken };
}

describe('WayBack', () => {
  it('begins strictly before what is wanted, at the reset when there is nothing else', () => {
    const { wayBack } = lived(5);
    expect(wayBack.before(31).begin()).toBe(30);
    expect(wayBack.before(30).begin()).toBe(20);
    expect(wayBack.before(10).begin()).toBe(0);
    expect(wayBack.before(0).begin()).toBe(0);
  });

  it('forgets what follows the moment that the machine is taken back to', () => {
    const { wayBack } = lived(5);
    wayBack.forgetFrom(30);
    expect(wayBack.before(1000).begin()).toBe(20);
    expect(wayBack.isDue(29)).toBe(false);
    expect(wayBack.isDue(30)).toBe(true);
  });

  it('keeps the way back in proportion to the life, and few places', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.double({ min: 0, max: 1, noNaN: true }), (steps, part) => {
        const { wayBack } = lived(steps);
        const wanted = Math.max(1, Math.floor(part * steps * 10));
        const way = wanted - wayBack.before(wanted).begin();
        expect(way).toBeGreaterThan(0);
        expect(way).toBeLessThanOrEqual(Math.max(10, (steps * 10) / 4));
        const begins = new Set<number>();
        for (let at = 1; at <= steps * 10 + 1; at += 10) begins.add(wayBack.before(at).begin());
        expect(begins.size).toBeLessThanOrEqual(17);
      }),
      { numRuns: 50 },
    );
  });
});
