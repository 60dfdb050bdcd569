// SPDX-License-Identifier: GPL-2.0-only
/**
 * Events of kind `buddy` for the operations of the buddy allocator on its blocks. Emitted only when
 * that kind is traced.
 *
 * ```
 *   free  (base, order)   a block becomes free            owner: who gave it back, "boot" for memory never in use
 *   merge (base, order)   two free halves become this     then it may merge again
 *   split (base, order)   this becomes two free halves    then one of them may split again
 *   alloc (base, order)   a free block is handed out      owner: who has it now
 * ```
 * The events are exact: replayed from the first one, they give the free lists. An allocation of any
 * number of frames is one `alloc` for each block of its row.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { type EventOwner, ownedBy } from '#kernel-ts/hal/kernel-events.ts';
import type { TracePort } from '#kernel-ts/hal/ports.ts';

type BuddyOperation = 'alloc' | 'free' | 'split' | 'merge';

/** Owner in events of callers without an account. */
const NOBODY: EventOwner = { kind: 'kernel', name: 'kernel' };

/** Emits the events, with the owner for whom the allocator currently works. */
export class BuddyTrace {
  private readonly trace: TracePort;
  private owner = NOBODY;

  constructor(trace: TracePort) {
    this.trace = trace;
  }

  /** Owner for whom the allocator works now. */
  get current(): EventOwner {
    return this.owner;
  }

  /**
   * From now until {@link leave}, blocks are allocated and freed for `owner`. Owners do not nest.
   */
  enter(owner: EventOwner): void {
    this.owner = owner;
  }

  leave(): void {
    this.owner = NOBODY;
  }

  /** Emits an event for the block of `order` at frame `pfn`. */
  emit(op: BuddyOperation, pfn: number, order: number): void {
    const block = { op, base: hex(pfn * PAGE_SIZE), order };
    this.trace.emit(
      'buddy',
      op === 'alloc' || op === 'free' ? { ...block, op, ...ownedBy(this.owner) } : { ...block, op },
    );
  }
}
