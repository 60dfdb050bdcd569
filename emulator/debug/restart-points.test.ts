// SPDX-License-Identifier: GPL-2.0-only
/**
 * Restart points: the last one before a moment, and a bounded number of them for any length of run.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RestartPoints } from './restart-points.ts';

/** A run of `steps` steps, one interval each. */
function lived(steps: number): { readonly restartPoints: RestartPoints<number>; readonly taken: number[] } {
  const restartPoints = new RestartPoints(() => 0, 10);
  const taken: number[] = [];
  for (let now = 10; now <= steps * 10; now += 10) {
    if (!restartPoints.isDue(now)) continue;
    restartPoints.add({ instructions: now, entries: 0, begin: () => now });
    taken.push(now);
  }
  return { restartPoints, taken };
}

describe('RestartPoints', () => {
  it('begins strictly before what is wanted, at the reset when there is nothing else', () => {
    const { restartPoints } = lived(5);
    expect(restartPoints.before(31).begin()).toBe(30);
    expect(restartPoints.before(30).begin()).toBe(20);
    expect(restartPoints.before(10).begin()).toBe(0);
    expect(restartPoints.before(0).begin()).toBe(0);
  });

  it('forgets what follows the moment that the machine is taken back to', () => {
    const { restartPoints } = lived(5);
    restartPoints.forgetFrom(30);
    expect(restartPoints.before(1000).begin()).toBe(20);
    expect(restartPoints.isDue(29)).toBe(false);
    expect(restartPoints.isDue(30)).toBe(true);
  });

  it('keeps the way back in proportion to the life, and few places', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 3000 }), fc.double({ min: 0, max: 1, noNaN: true }), (steps, part) => {
        const { restartPoints } = lived(steps);
        const wanted = Math.max(1, Math.floor(part * steps * 10));
        const way = wanted - restartPoints.before(wanted).begin();
        expect(way).toBeGreaterThan(0);
        expect(way).toBeLessThanOrEqual(Math.max(10, (steps * 10) / 4));
        const begins = new Set<number>();
        for (let at = 1; at <= steps * 10 + 1; at += 10) begins.add(restartPoints.before(at).begin());
        expect(begins.size).toBeLessThanOrEqual(17);
      }),
      { numRuns: 50 },
    );
  });
});
