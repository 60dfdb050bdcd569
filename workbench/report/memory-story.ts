// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory over a run: the operations that changed the owner of frames, and the state after any
 * number of them. Data for pages: see page-data.ts.
 *
 * Going to a moment starts from the nearest checkpoint before it, so that a slider moves in both
 * directions at the same speed.
 */

import { type FrameSpan, MemoryState, type Run } from './memory-state.ts';

/** One change: frames [start, start + frames) belong to `owner` from `t` on. */
export interface Operation {
  readonly start: number;
  readonly frames: number;
  /** Index into the owners. */
  readonly owner: number;
  /** Simulated nanoseconds. */
  readonly t: number;
}

const CHECKPOINT_DISTANCE = 256;

export class MemoryStory {
  readonly banks: readonly FrameSpan[];
  private readonly operations: Operation[] = [];
  /** Runs after 0, CHECKPOINT_DISTANCE, 2 * CHECKPOINT_DISTANCE, … operations. */
  private readonly checkpoints: (readonly Run[])[];
  /** Memory after all operations. It is not a copy: do not change it. */
  readonly latest: MemoryState;

  /** @param banks RAM in frames, sorted and disjoint */
  constructor(banks: readonly FrameSpan[]) {
    this.banks = banks;
    this.latest = new MemoryState(banks);
    this.checkpoints = [[...this.latest.runs]];
  }

  /** Number of operations so far. */
  get length(): number {
    return this.operations.length;
  }

  add(operation: Operation): void {
    apply(this.latest, operation, this.operations.length);
    this.operations.push(operation);
    if (this.operations.length % CHECKPOINT_DISTANCE === 0) this.checkpoints.push([...this.latest.runs]);
  }

  /** Operation `index`, null when there is none. */
  find(index: number): Operation | null {
    return this.operations[index] ?? null;
  }

  /**
   * Memory after the first `count` operations (all of them when there are fewer). O(runs +
   * CHECKPOINT_DISTANCE).
   */
  at(count: number): MemoryState {
    const wanted = Math.min(Math.max(0, count), this.operations.length);
    const checkpoint = Math.floor(wanted / CHECKPOINT_DISTANCE);
    const state = new MemoryState(this.banks, this.checkpoints[checkpoint] ?? []);
    for (let index = checkpoint * CHECKPOINT_DISTANCE; index < wanted; index++) {
      apply(state, this.operations[index] as Operation, index);
    }
    return state;
  }
}

function apply(state: MemoryState, { start, frames, owner }: Operation, index: number): void {
  state.assign(start, start + frames, owner, index);
}

/**
 * The fewest operations that turn `before` into `after` (both of the same banks), stamped `t`.
 * O(runs of both).
 */
export function difference(before: MemoryState, after: MemoryState, t: number): Operation[] {
  const operations: Operation[] = [];
  let index = 0;
  for (const run of after.runs) {
    let at = run.start;
    while (at < run.end) {
      while ((before.runs[index] as Run).end <= at) index++;
      const old = before.runs[index] as Run;
      const end = Math.min(run.end, old.end);
      if (old.owner !== run.owner) {
        const last = operations.at(-1);
        const goesOn =
          last !== undefined && last.owner === run.owner && last.start + last.frames === at && at > run.start;
        if (goesOn) operations[operations.length - 1] = { ...last, frames: end - last.start };
        else operations.push({ start: at, frames: end - at, owner: run.owner, t });
      }
      at = end;
    }
  }
  return operations;
}
