// SPDX-License-Identifier: GPL-2.0-only
/**
 * The state that the parts of a page share: the story and the shown moment. A part asks the view to
 * go to a moment, and the view notifies all parts.
 */

import { addOperations } from '#workbench/report/condense.ts';
import type { FrameSpan, MemoryState } from '#workbench/report/memory-state.ts';
import { MemoryStory } from '#workbench/report/memory-story.ts';
import {
  type Moment,
  OWNER_CLASSES,
  type Owner,
  type OwnerClass,
  type Stage,
  type StoryPart,
} from '#workbench/report/page-data.ts';

/** Frames of each class at one moment. */
export type Usage = Readonly<Record<OwnerClass, number>>;

/** Changes since the parts were last notified. */
export type Change = 'moment' | 'story';

export class StoryView {
  banks: readonly FrameSpan[];
  readonly owners: Owner[] = [];
  readonly moments: Moment[] = [];
  readonly stages: Stage[] = [];
  /** Free blocks by order, for each moment. */
  readonly freeBlocks: number[][] = [];
  readonly usage: Usage[] = [];
  /** Memory at the moment that is shown. */
  state: MemoryState;
  /** Index of the shown moment; -1 while there is none. */
  current = -1;
  /** The newest moment is shown as it comes. */
  following = true;
  private story: MemoryStory;
  private readonly listeners: ((change: Change) => void)[] = [];

  constructor(banks: readonly FrameSpan[]) {
    this.banks = banks;
    this.story = new MemoryStory(banks);
    this.state = this.story.at(0);
  }

  /** Calls `listener` after each change. */
  subscribe(listener: (change: Change) => void): void {
    this.listeners.push(listener);
  }

  /** Discards the story: the machine starts again, or another machine starts. */
  clear(banks: readonly FrameSpan[]): void {
    this.banks = banks;
    for (const list of [this.owners, this.moments, this.stages, this.freeBlocks, this.usage]) list.length = 0;
    this.story = new MemoryStory(this.banks);
    this.state = this.story.at(0);
    this.current = -1;
    this.following = true;
  }

  /** The story goes on. */
  add({ owners, operations, moments, stages }: StoryPart): void {
    this.owners.push(...owners);
    this.stages.push(...stages);
    let done = 0;
    const first = this.story.length;
    for (const moment of moments) {
      const upTo = 4 * (moment.operations - first);
      addOperations(this.story, operations.slice(done, upTo));
      done = Math.max(done, upTo);
      this.moments.push(moment);
      this.freeBlocks.push(this.story.latest.freeBlockCounts());
      this.usage.push(this.usageOf(this.story.latest));
    }
    addOperations(this.story, operations.slice(done));
    if (this.following && this.moments.length > 0) this.show(this.moments.length - 1);
    this.notify('story');
  }

  /**
   * Shows moment `index`, or the nearest that exists. At the last moment, the view follows newer
   * ones.
   */
  select(index: number): void {
    if (this.moments.length === 0) return;
    this.show(Math.min(Math.max(0, index), this.moments.length - 1));
    this.notify('moment');
  }

  /** The moment that is shown. */
  get moment(): Moment | null {
    return this.moments[this.current] ?? null;
  }

  /** Number of operations one moment earlier: later ones belong to the shown moment. */
  get operationsBefore(): number {
    return this.moments[this.current - 1]?.operations ?? 0;
  }

  /** Time of operation `index`; null for the state at reset. */
  timeOf(index: number): number | null {
    return this.story.find(index)?.t ?? null;
  }

  owner(number: number): Owner {
    return this.owners[number] ?? { name: `owner ${number}`, class: 'other' };
  }

  private show(index: number): void {
    this.current = index;
    this.following = index === this.moments.length - 1;
    this.state = this.story.at((this.moments[index] as Moment).operations);
  }

  private usageOf(state: MemoryState): Usage {
    const usage = Object.fromEntries(OWNER_CLASSES.map((name) => [name, 0])) as Record<OwnerClass, number>;
    for (const { start, end, owner } of state.runs) usage[this.owner(owner).class] += end - start;
    return usage;
  }

  private notify(change: Change): void {
    for (const listener of this.listeners) listener(change);
  }
}
