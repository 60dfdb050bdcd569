// SPDX-License-Identifier: GPL-2.0-only
import { addOperations } from '#workbench/report/condense.ts';
import type { FrameSpan } from '#workbench/report/memory-state.ts';
import { MemoryStory } from '#workbench/report/memory-story.ts';
import type { StoryPart } from '#workbench/report/page-data.ts';

/** A story part as a {@link MemoryStory}. */
export function storyOf(banks: readonly FrameSpan[], { operations }: Pick<StoryPart, 'operations'>): MemoryStory {
  const story = new MemoryStory(banks);
  addOperations(story, operations);
  return story;
}
