// SPDX-License-Identifier: GPL-2.0-only
/**
 * The owner of each frame at one moment, and its changes. This file knows no machine, so pages in a
 * browser use it too.
 *
 * ```
 *   |  free  |kernel image|        mem_map        |   free   | heap |      (hole)      |  free …
 *   └ runs, sorted, disjoint, covering RAM and nothing else; two free runs never touch inside a bank
 * ```
 *
 * The buddy allocator's blocks are not stored, because they follow from the runs: an allocator that
 * merges at once has exactly the largest aligned blocks that fit into each free run
 * (kernel-ts/kernel/mm/buddy.ts). Frame numbers go beyond 32 bits: no bit operators.
 */

import { MAX_ORDER } from '#kernel-ts/kernel/mm/page.ts';

export { MAX_ORDER };

/** Owner of frames that the allocator may give out. */
export const OWNER_FREE = 0;
/** Owner of unclaimed RAM that the allocator does not manage. */
export const OWNER_NONE = 1;

/** Frames [start, end) of RAM. */
export interface FrameSpan {
  readonly start: number;
  readonly end: number;
}

/** Frames [start, end) with one owner. */
export interface Run extends FrameSpan {
  /** Number of the owner. */
  readonly owner: number;
  /** Number of the operation that made it; -1 for the state at reset. */
  readonly since: number;
}

/** A block of 2^order frames. */
export interface FreeBlock {
  readonly start: number;
  readonly order: number;
}

/** Frames of RAM and their owners. */
export class MemoryState {
  /** Sorted and disjoint. */
  readonly runs: Run[];
  private readonly bankStarts: ReadonlySet<number>;

  /** @param banks sorted and disjoint */
  constructor(banks: readonly FrameSpan[], runs?: readonly Run[]) {
    this.bankStarts = new Set(banks.map(({ start }) => start));
    this.runs =
      runs === undefined ? banks.map(({ start, end }) => ({ start, end, owner: OWNER_NONE, since: -1 })) : [...runs];
  }

  /** Makes `owner` the owner of [start, end), except for parts that are not RAM. O(runs). */
  assign(start: number, end: number, owner: number, since: number): void {
    const { runs } = this;
    const first = this.firstEndingAfter(start);
    let last = first;
    const pieces: Run[] = [];
    for (; last < runs.length && (runs[last] as Run).start < end; last++) {
      const run = runs[last] as Run;
      if (run.start < start) pieces.push({ ...run, end: start });
      const [from, to] = [Math.max(run.start, start), Math.min(run.end, end)];
      const before = pieces.at(-1);
      // One operation makes one run, except across the border of a bank.
      if (before?.since === since && before.end === from && before.owner === owner && !this.bankStarts.has(from)) {
        pieces[pieces.length - 1] = { ...before, end: to };
      } else pieces.push({ start: from, end: to, owner, since });
      if (run.end > end) pieces.push({ ...run, start: end });
    }
    runs.splice(first, last - first, ...pieces);
    if (owner === OWNER_FREE) this.joinFree(Math.max(0, first - 1), first + pieces.length + 1);
  }

  /** The run that holds frame `pfn`; null outside RAM. O(log runs). */
  find(pfn: number): Run | null {
    const run = this.runs[this.firstEndingAfter(pfn)];
    return run !== undefined && run.start <= pfn ? run : null;
  }

  /** Free blocks of each order, 0 to {@link MAX_ORDER}. O(runs). */
  freeBlockCounts(): number[] {
    const counts = new Array<number>(MAX_ORDER + 1).fill(0);
    for (const run of this.runs) {
      if (run.owner !== OWNER_FREE) continue;
      for (const { order } of blocksOf(run)) counts[order] = (counts[order] as number) + 1;
    }
    return counts;
  }

  /** Index of the first run whose end lies after `pfn`. O(log runs). */
  firstEndingAfter(pfn: number): number {
    let low = 0;
    let high = this.runs.length;
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((this.runs[middle] as Run).end <= pfn) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private joinFree(from: number, to: number): void {
    const { runs } = this;
    for (let index = Math.min(to, runs.length - 1); index > from; index--) {
      const [left, right] = [runs[index - 1] as Run, runs[index] as Run];
      const touch = left.end === right.start && !this.bankStarts.has(right.start);
      if (!touch || left.owner !== OWNER_FREE || right.owner !== OWNER_FREE) continue;
      const since = Math.max(left.since, right.since);
      runs.splice(index - 1, 2, { start: left.start, end: right.end, owner: OWNER_FREE, since });
    }
  }
}

/** The largest aligned blocks that make up a free run, in order of address. O(blocks). */
export function* blocksOf({ start, end }: FrameSpan): Generator<FreeBlock> {
  for (let at = start; at < end; ) {
    let order = 0;
    while (order < MAX_ORDER && at % 2 ** (order + 1) === 0 && at + 2 ** (order + 1) <= end) order++;
    yield { start: at, order };
    at += 2 ** order;
  }
}
