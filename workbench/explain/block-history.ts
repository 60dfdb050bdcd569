// SPDX-License-Identifier: GPL-2.0-only
/**
 * Operations of the buddy allocator, from its trace events: the history of one frame, and who took
 * the blocks that are allocated now.
 *
 * Needs a machine that was built with `trace: ['buddy']`; without it there is nothing to tell.
 */

import { PAGE_SIZE } from '#common/address.ts';
import type { LogEvent } from '#workbench/machine/event-kinds.ts';
import type { EventOwnerKind } from '#kernel-ts/hal/kernel-events.ts';

/** One operation on a block. */
export interface BlockEvent {
  /** Simulated nanoseconds since reset. */
  readonly t: number;
  readonly op: 'alloc' | 'free' | 'split' | 'merge';
  /** First byte of the block, and the first after it. */
  readonly start: number;
  readonly end: number;
  readonly order: number;
  /** The owner that asked, where the kernel says it. */
  readonly owner: string | null;
  readonly ownerKind: EventOwnerKind | null;
}

/** The operations in the `buddy` events, oldest first. */
export function blockEvents(events: readonly LogEvent<'buddy'>[]): BlockEvent[] {
  return events.map(({ t, fields }) => {
    const { op, order } = fields;
    const start = Number(fields.base);
    const { owner, ownerKind } = 'owner' in fields ? fields : { owner: null, ownerKind: null };
    return { t, op, start, end: start + 2 ** order * PAGE_SIZE, order, owner, ownerKind };
  });
}

/** The operations on blocks that hold `pa`, oldest first. O(events). */
export function historyOf(events: readonly LogEvent<'buddy'>[], pa: number): BlockEvent[] {
  return blockEvents(events).filter(({ start, end }) => pa >= start && pa < end);
}

/**
 * The event that made each live allocation, by its first address. Freed allocations are not in the
 * map. O(events).
 */
export function ownersByStart(events: readonly LogEvent<'buddy'>[]): ReadonlyMap<number, BlockEvent> {
  const owners = new Map<number, BlockEvent>();
  for (const event of blockEvents(events)) {
    if (event.op === 'alloc') owners.set(event.start, event);
    else if (event.op === 'free') owners.delete(event.start);
  }
  return owners;
}
