// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { condense } from './condense.ts';
import type { MemoryState } from './memory-state.ts';
import { difference } from './memory-story.ts';
import type { StoryPart } from './page-data.ts';
import { storyOf } from './testing/story-of.ts';

const BANKS = [
  { start: 0, end: 64 },
  { start: 64, end: 96 },
  { start: 256, end: 512 },
];

/** The owner of each frame, without its time. */
const ownersOf = ({ runs }: MemoryState): (number | null)[] => {
  const owners = new Array<number | null>(512).fill(null);
  for (const { start, end, owner } of runs) owners.fill(owner, start, end);
  return owners;
};

/** Stories with a moment after each group of operations. */
const stories = fc
  .array(
    fc.record({
      kind: fc.constantFrom('serial', 'allocator', 'process'),
      operations: fc.array(fc.tuple(fc.nat(500), fc.integer({ min: 1, max: 64 }), fc.nat(4)), { maxLength: 6 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((groups): StoryPart => {
    const operations: number[] = [];
    const moments = groups.map((group, t) => {
      for (const [start, frames, owner] of group.operations) operations.push(start, frames, owner, t);
      return { t, kind: group.kind, text: String(t), operations: operations.length / 4 };
    });
    return { owners: [], operations, moments, stages: [] };
  });

describe('MemoryStory', () => {
  it('goes to any moment in any order, past its checkpoints', () => {
    const many: number[] = [];
    for (let index = 0; index < 1000; index++) many.push((index * 7) % 90, 1 + (index % 5), index % 4, index);
    const story = storyOf(BANKS, { operations: many });
    expect(story.length).toBe(1000);
    for (const count of [1000, 0, 257, 256, 255, 512, 999, 1]) {
      const direct = storyOf(BANKS, { operations: many.slice(0, 4 * count) });
      expect(ownersOf(story.at(count)), String(count)).toEqual(ownersOf(direct.latest));
    }
  });

  it('knows the difference of two states', () => {
    fc.assert(
      fc.property(stories, stories, (one, other) => {
        const before = storyOf(BANKS, one).latest;
        const after = storyOf(BANKS, other).latest;
        const wanted = ownersOf(after);
        for (const { start, frames, owner } of difference(before, after, 0)) {
          before.assign(start, start + frames, owner, 0);
        }
        expect(ownersOf(before)).toEqual(wanted);
      }),
    );
  });
});

describe('condense', () => {
  it('leaves a short story as it is', () => {
    const story: StoryPart = { owners: [], operations: [0, 4, 0, 1], moments: [], stages: [] };
    expect(condense(BANKS, story)).toBe(story);
  });

  it('keeps to its limits, and what the moments that stay show', () => {
    fc.assert(
      fc.property(stories, fc.integer({ min: 2, max: 10 }), (story, moments) => {
        const short = condense(BANKS, story, { moments, operations: 1000 });
        expect(short === story).toBe(story.moments.length <= moments);
        expect(short.moments.length).toBeLessThanOrEqual(moments);
        const [whole, condensed] = [storyOf(BANKS, story), storyOf(BANKS, short)];
        for (const moment of short.moments) {
          const original = story.moments.find(({ t }) => t === moment.t)?.operations ?? -1;
          expect(ownersOf(condensed.at(moment.operations))).toEqual(ownersOf(whole.at(original)));
        }
        expect(ownersOf(condensed.latest)).toEqual(ownersOf(whole.latest));
      }),
    );
  });

  it.each([
    [3, [0, 3, 6]],
    [2, [0, 6]],
    [5, [0, 2, 3, 5, 6]],
  ])('of seven moments keeps %i: what was said, then an even part of the rest', (most, expected) => {
    const kinds = ['serial', 'allocator', 'allocator', 'serial', 'allocator', 'allocator', 'serial'];
    const moments = kinds.map((kind, t) => ({ t, kind, text: kind, operations: 0 }));
    const story = { owners: [], operations: [], moments, stages: [] };
    const { moments: kept } = condense(BANKS, story, { moments: most, operations: 9 });
    expect(kept.map(({ t }) => t)).toEqual(expected);
  });
});
