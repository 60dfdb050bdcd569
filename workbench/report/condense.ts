// SPDX-License-Identifier: GPL-2.0-only
/**
 * Makes a long story short enough for a page. Moments are left out, those without a line of the log
 * first. Between two kept moments only the net change of memory is kept, so a kept moment shows
 * exactly what it would have shown.
 */

import { type FrameSpan, MemoryState } from './memory-state.ts';
import { difference, type MemoryStory } from './memory-story.ts';
import type { Moment, StoryPart } from './page-data.ts';

/** Kind of moments without a line of the log: see story-builder.ts. */
const SILENT = 'allocator';

/** Limits of a page. A moment takes about 100 bytes, an operation about 35. */
export interface StoryLimits {
  readonly moments: number;
  readonly operations: number;
}

/** A page of about a megabyte at most. */
export const PAGE_LIMITS: StoryLimits = { moments: 4000, operations: 16_000 };

/** The story, shortened to `limits` if necessary. O(moments * runs) when it must be shortened. */
export function condense(banks: readonly FrameSpan[], story: StoryPart, limits: StoryLimits = PAGE_LIMITS): StoryPart {
  if (story.moments.length <= limits.moments && story.operations.length / 4 <= limits.operations) return story;
  const kept = chooseMoments(story.moments, limits.moments);
  const shortened = netChanges(banks, story, kept);
  const stillLong = shortened.operations.length / 4 > limits.operations && kept.length > 2;
  // Fewer moments have fewer net changes between them.
  return stillLong ? condense(banks, shortened, { ...limits, moments: Math.ceil(kept.length / 2) }) : shortened;
}

/**
 * Moments with a line of the log come first: all of them, or the first and the last ones. The
 * remaining room goes to the allocator's own moments, evenly.
 */
function chooseMoments(moments: readonly Moment[], most: number): readonly Moment[] {
  if (moments.length <= most) return moments;
  const spoken = moments.filter(({ kind }) => kind !== SILENT);
  if (spoken.length >= most) {
    const half = Math.floor(most / 2);
    return [...spoken.slice(0, most - half), ...spoken.slice(spoken.length - half)];
  }
  const share = (most - spoken.length) / (moments.length - spoken.length);
  let silent = 0;
  return moments.filter(({ kind }) => {
    if (kind !== SILENT) return true;
    silent++;
    return Math.floor(silent * share) > Math.floor((silent - 1) * share);
  });
}

function netChanges(banks: readonly FrameSpan[], story: StoryPart, kept: readonly Moment[]): StoryPart {
  const whole = new MemoryState(banks);
  let done = 0;
  let before = new MemoryState(banks);
  const operations: number[] = [];
  const goTo = (count: number, t: number): number => {
    for (; done < count; done++) {
      const [start, frames, owner] = story.operations.slice(4 * done, 4 * done + 3) as [number, number, number];
      whole.assign(start, start + frames, owner, done);
    }
    for (const { start, frames, owner } of difference(before, whole, t)) operations.push(start, frames, owner, t);
    before = new MemoryState(banks, whole.runs);
    return operations.length / 4;
  };
  const moments = kept.map((moment) => ({ ...moment, operations: goTo(moment.operations, moment.t) }));
  goTo(story.operations.length / 4, story.operations.at(-1) ?? 0);
  return { ...story, moments, operations };
}

/** Adds operations in the form of {@link StoryPart}. */
export function addOperations(story: MemoryStory, operations: readonly number[]): void {
  for (let index = 0; index + 3 < operations.length; index += 4) {
    const [start, frames, owner, t] = operations.slice(index, index + 4) as [number, number, number, number];
    story.add({ start, frames, owner, t });
  }
}
