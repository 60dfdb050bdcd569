// SPDX-License-Identifier: GPL-2.0-only
/**
 * The story of a machine while it runs, from reset on. It hears every event, also those that the
 * event log has no room for, and stays of bounded length: what grows too long is condensed on the
 * way.
 */

import { PAGE_SIZE } from '#common/address.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { condense, PAGE_LIMITS } from './condense.ts';
import type { FrameSpan } from './memory-state.ts';
import type { Moment, Owner, Stage, StoryPart } from './page-data.ts';
import { StoryBuilder } from './story-builder.ts';

/** So many pages' worth are kept before it is condensed to one: rarely done, it costs little. */
const PAGES_KEPT = 4;

export class StoryRecorder {
  readonly banks: readonly FrameSpan[];
  /** Moments and operations that there were, condensed away or not. */
  moments = 0;
  operations = 0;
  private readonly builder: StoryBuilder;
  private readonly owners: Owner[] = [];
  private kept: { operations: number[]; moments: Moment[]; stages: Stage[] } = {
    operations: [],
    moments: [],
    stages: [],
  };
  /** The next news are the whole story. */
  private isWhole = false;

  constructor(machine: LevitateMachine) {
    this.banks = frameBanks(machine);
    this.builder =
      machine.findKernel() === null
        ? new StoryBuilder(this.banks, 'RAM; who has it is not known')
        : new StoryBuilder(this.banks);
    for (const event of machine.events.events) this.builder.add(event);
    machine.events.subscribe((event) => {
      this.builder.add(event);
      if (this.builder.buffered < PAGE_LIMITS.operations) return;
      this.keep(this.builder.drain());
      // State kept between two calls of news() is in no part that it returns.
      this.isWhole = true;
    });
  }

  /** All that is known. Its lists grow: look, do not keep. */
  get story(): StoryPart {
    return { owners: this.owners, ...this.kept };
  }

  /**
   * What is new since the last call; null when that is too much or the story was shortened, and
   * {@link story} has to be looked at as a whole.
   */
  news(): StoryPart | null {
    const part = this.builder.drain();
    this.keep(part);
    const { isWhole } = this;
    this.isWhole = false;
    return isWhole ? null : part;
  }

  private keep(part: StoryPart): void {
    const { owners, kept } = this;
    this.moments += part.moments.length;
    this.operations += part.operations.length / 4;
    append(owners, part.owners);
    append(kept.operations, part.operations);
    append(kept.moments, part.moments);
    append(kept.stages, part.stages);
    const tooLong =
      kept.moments.length > PAGES_KEPT * PAGE_LIMITS.moments ||
      kept.operations.length > 4 * PAGES_KEPT * PAGE_LIMITS.operations;
    if (!tooLong) return;
    const { operations, moments, stages } = condense(this.banks, this.story);
    this.kept = { operations: [...operations], moments: [...moments], stages: [...stages] };
    this.builder.continueAfter(operations.length / 4);
    this.isWhole = true;
  }
}

/** RAM of the machine, in frames. */
export function frameBanks(machine: LevitateMachine): FrameSpan[] {
  return machine.memory.banks
    .map(({ base, size }) => ({ start: Math.floor(base / PAGE_SIZE), end: Math.ceil((base + size) / PAGE_SIZE) }))
    .sort((a, b) => a.start - b.start);
}

/** One by one: a long list is no list of arguments. */
function append<T>(list: T[], more: readonly T[]): void {
  for (const item of more) list.push(item);
}
