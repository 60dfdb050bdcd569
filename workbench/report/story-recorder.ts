// SPDX-License-Identifier: GPL-2.0-only
/**
 * The story of a machine while it runs, from reset on. It receives every event, also those for
 * which the event log has no room. Its length is bounded: a story that grows too long is condensed.
 */

import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { condense, PAGE_LIMITS } from './condense.ts';
import { frameBanks, GuestMemory } from './guest-memory.ts';
import { LaneRecorder } from './lanes.ts';
import type { FrameSpan } from './memory-state.ts';
import type { Moment, Owner, Stage, StoryPart } from './page-data.ts';
import { ALLOCATOR_AT_WORK, StoryBuilder } from './story-builder.ts';

/**
 * Number of page lengths that are kept before the story is condensed to one, so that it is
 * condensed rarely.
 */
const PAGES_KEPT = 4;

/** Events at which a guest's touched memory is read: rare ones, which become moments. */
const LOOKED_AT: ReadonlySet<string> = new Set(['serial', 'power', 'stop']);

export class StoryRecorder {
  readonly banks: readonly FrameSpan[];
  readonly lanes = new LaneRecorder();
  /** Total of moments and operations, including those that were condensed away. */
  moments = 0;
  operations = 0;
  private readonly builder: StoryBuilder;
  /** Null for the modelled kernel, which reports its memory itself. */
  private readonly guest: GuestMemory | null;
  private readonly now: () => number;
  private readonly owners: Owner[] = [];
  private kept: { operations: number[]; moments: Moment[]; stages: Stage[] } = {
    operations: [],
    moments: [],
    stages: [],
  };
  /** The next changes are the whole story. */
  private isWhole = false;

  constructor(machine: LevitateMachine) {
    this.banks = frameBanks(machine);
    this.guest = machine.findKernel() === null ? new GuestMemory(machine) : null;
    this.builder = new StoryBuilder(this.banks, this.guest === null ? undefined : 'RAM that was not touched');
    this.now = () => machine.machine.clock.nowNs;
    for (const event of machine.events.events) {
      this.builder.add(event);
      this.lanes.add(event);
    }
    // The next changes have the memory that was touched in the meantime.
    this.claimAtReset();
    machine.events.subscribe((event) => {
      if (LOOKED_AT.has(event.kind)) this.claimTouched();
      this.lanes.add(event);
      this.builder.add(event);
      if (event.kind === 'boot') this.claimAtReset();
      if (this.builder.buffered < PAGE_LIMITS.operations) return;
      this.keep(this.builder.drain());
      // State kept between two calls of takeChanges() is in no part that it returns.
      this.isWhole = true;
    });
  }

  /** The whole story. Its lists grow: read them at once, do not keep them. */
  get story(): StoryPart {
    return { owners: this.owners, ...this.kept };
  }

  /**
   * Changes since the last call; null when there are too many or the story was shortened: then read
   * all of {@link story}.
   *
   * @param still true when the machine stands still: the last moment then has all that was done
   */
  takeChanges(still = false): StoryPart | null {
    this.claimTouched();
    if (still) this.builder.settle(this.now(), this.guest === null ? ALLOCATOR_AT_WORK : 'memory was touched');
    const part = this.builder.drain();
    this.keep(part);
    const { isWhole } = this;
    this.isWhole = false;
    return isWhole ? null : part;
  }

  private claimAtReset(): void {
    for (const claim of this.guest?.atReset() ?? []) this.builder.claim(claim, this.now());
  }

  private claimTouched(): void {
    for (const claim of this.guest?.touched() ?? []) this.builder.claim(claim, this.now());
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

/** One by one: a long list cannot be passed as arguments. */
function append<T>(list: T[], more: readonly T[]): void {
  for (const item of more) list.push(item);
}
