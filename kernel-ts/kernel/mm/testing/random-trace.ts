// SPDX-License-Identifier: GPL-2.0-only
/**
 * Random operations on a buddy allocator, checked after each step against a model without buddies:
 * sets of frames.
 */

import * as fc from 'fast-check';
import { PAGE_SIZE, type PhysAddr } from '#common/address.ts';
import type { Buddy } from '#kernel-ts/kernel/mm/buddy.ts';

/** Step: its numbers select among the operations that are possible then. */
export type Step =
  | { readonly kind: 'alloc'; readonly order: number }
  | { readonly kind: 'exact'; readonly frames: number }
  | { readonly kind: 'free'; readonly pick: number };

/** Steps that keep the allocator half full: small orders are common, large ones happen. */
export const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('alloc' as const), order: fc.integer({ min: 0, max: 11 }) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant('exact' as const), frames: fc.integer({ min: 1, max: 700 }) }),
    },
    { weight: 5, arbitrary: fc.record({ kind: fc.constant('free' as const), pick: fc.nat() }) },
  ),
  { minLength: 1, maxLength: 80 },
);

interface Live {
  readonly frame: PhysAddr;
  readonly frames: number;
  /** -1 for an exact allocation. */
  readonly order: number;
}

/**
 * Runs `trace`; throws on the first frame handed out twice, misaligned, or not in `managed`. Frees
 * everything at the end.
 */
export function run(
  buddy: Buddy,
  trace: readonly Step[],
  managed: (frame: number) => boolean,
  afterEach: () => void,
): void {
  const live: Live[] = [];
  const used = new Set<number>();
  const take = (frame: PhysAddr | null, frames: number, order: number): void => {
    if (frame === null) return;
    for (let i = 0; i < frames; i++) {
      const number = frame / PAGE_SIZE + i;
      if (used.has(number) || !managed(number)) throw new Error(`frame ${number} handed out twice, or never given`);
      used.add(number);
    }
    if (order >= 0 && frame % (PAGE_SIZE * 2 ** order) !== 0) {
      throw new Error(`frame ${frame} of order ${order} is misaligned`);
    }
    live.push({ frame, frames, order });
  };
  const give = (index: number): void => {
    const [{ frame, frames, order }] = live.splice(index, 1) as [Live];
    for (let i = 0; i < frames; i++) used.delete(frame / PAGE_SIZE + i);
    if (order < 0) buddy.freeExact(frame, frames * PAGE_SIZE);
    else buddy.freeFrames(frame, order);
  };
  for (const step of trace) {
    if (step.kind === 'alloc') take(buddy.allocFrames(step.order), 2 ** step.order, step.order);
    else if (step.kind === 'exact') take(buddy.allocExact(step.frames * PAGE_SIZE - 7), step.frames, -1);
    else if (live.length > 0) give(step.pick % live.length);
    const { totalFrames, freeFrames } = buddy.counts();
    if (totalFrames - freeFrames !== used.size) {
      throw new Error(`${totalFrames - freeFrames} frames counted as used, ${used.size} are`);
    }
    afterEach();
  }
  while (live.length > 0) give(live.length - 1);
}
