// SPDX-License-Identifier: GPL-2.0-only
/** The scenarios leave an allocator unchanged, and the plain allocator is a buddy allocator. */

import { describe, expect, it } from 'vitest';
import { drainAndRefill, fragment, mixedNs, PlainBuddy, steadyPairNs, worstPairNs } from './buddy-scenarios.ts';

const FRAMES = 2 ** 16 + 2 ** 9 + 3;

describe('PlainBuddy', () => {
  it('holds all its frames in the largest aligned blocks', () => {
    const blocks = new PlainBuddy(FRAMES).buddyinfo();
    expect(blocks.flatMap((count, order) => (count === 0 ? [] : [[order, count]]))).toEqual([
      [0, 1],
      [1, 1],
      [9, 1],
      [16, 1],
    ]);
  });

  it('hands every frame out once and merges all of them again, in any order', () => {
    const allocator = new PlainBuddy(FRAMES);
    const seen = new Set<number>();
    for (let frame = allocator.allocFrames(0); frame !== null; frame = allocator.allocFrames(0)) seen.add(frame);
    expect(seen.size).toBe(FRAMES);
    expect(drainAndRefill(new PlainBuddy(FRAMES), 7)).toMatchObject({ frames: FRAMES, restored: true });
  });
});

describe('a scenario', () => {
  it.each([
    ['steadyPairNs', (allocator: PlainBuddy) => steadyPairNs(allocator, 3, 100)],
    ['worstPairNs', (allocator: PlainBuddy) => worstPairNs(allocator, 0, 100)],
    ['mixedNs', (allocator: PlainBuddy) => mixedNs(allocator, 1, 10_000)],
    ['fragment', (allocator: PlainBuddy) => fragment(allocator, 2 ** 27).totalMs],
  ])('%s leaves the free lists as they were', (_name, scenario) => {
    const allocator = new PlainBuddy(2 ** 21 + FRAMES);
    const before = allocator.buddyinfo();
    expect(scenario(allocator)).toBeGreaterThan(0);
    expect(allocator.buddyinfo()).toEqual(before);
  });

  it('that fragments gets every large block back', () => {
    expect(fragment(new PlainBuddy(2 ** 16), 2 ** 27).largeBlocks).toBe(2 ** 27 / 2 ** 16);
  });
});
