// SPDX-License-Identifier: GPL-2.0-only
/**
 * Replays events of kind `buddy` on sets of blocks, for tests: gives the expected state of the
 * allocator.
 */

import type { BuddyFields } from '#kernel-ts/hal/kernel-events.ts';
import { PAGE_SIZE } from '#common/address.ts';
import { MAX_ORDER } from '#kernel-ts/kernel/mm/page.ts';

/** State of the blocks after the events so far. */
export class BuddyReplay {
  /** Free blocks, as "0xBASE/ORDER". */
  readonly free = new Set<string>();
  /** Owners of allocated blocks, by block as "0xBASE/ORDER". */
  readonly allocated = new Map<string, string>();

  /** @throws Error at the first event that does not fit to those before it */
  play(events: Iterable<BuddyFields>): void {
    for (const fields of events) {
      const { base, order: k } = fields;
      const start = Number(base);
      const half = (PAGE_SIZE * 2 ** k) / 2;
      switch (fields.op) {
        case 'free':
          if (fields.ownerKind !== 'boot') leave(this.allocated, start, k);
          this.free.add(blockName(start, k));
          break;
        case 'alloc':
          leave(this.free, start, k);
          this.allocated.set(blockName(start, k), fields.owner);
          break;
        case 'split':
          leave(this.free, start, k);
          this.free.add(blockName(start, k - 1)).add(blockName(start + half, k - 1));
          break;
        case 'merge':
          leave(this.free, start, k - 1);
          leave(this.free, start + half, k - 1);
          this.free.add(blockName(start, k));
          break;
      }
    }
  }

  /** Number of free blocks of each order, as buddyinfo() returns it. */
  buddyinfo(): number[] {
    const counts = new Array<number>(MAX_ORDER + 1).fill(0);
    for (const block of this.free) counts[Number(block.split('/')[1])]!++;
    return counts;
  }
}

/** Name of a block in the sets. */
export function blockName(start: number, order: number): string {
  return `0x${start.toString(16)}/${order}`;
}

function leave(blocks: { delete(block: string): boolean }, start: number, order: number): void {
  const name = blockName(start, order);
  if (!blocks.delete(name)) throw new Error(`no such block: ${name}`);
}
