// SPDX-License-Identifier: GPL-2.0-only
/**
 * Kinds of frame owners, which the frame accounts count separately, and which of them may use the
 * kernel's reserve. Boot reservations never reach the buddy allocator, see owner.ts.
 */

import type { EventOwner } from '#kernel-ts/hal/kernel-events.ts';

/** Kinds of owner: the index of their counter in memory (frame-accounts.ts). */
export const PageOwner = {
  /** The kernel itself, for frames without a kind of their own. */
  KERNEL: 0,
  PAGE_TABLES: 1,
  HEAP: 2,
  SLAB: 3,
  /** Kernel stacks of processes. */
  STACK: 4,
  DMA: 5,
  /** Pages of user processes: the only kind that may not use the reserve. */
  USER: 6,
} as const;

export type PageOwner = (typeof PageOwner)[keyof typeof PageOwner];

const IN_EVENTS: Readonly<Record<PageOwner, EventOwner>> = {
  [PageOwner.KERNEL]: { kind: 'kernel', name: 'kernel' },
  [PageOwner.PAGE_TABLES]: { kind: 'page-tables', name: 'page tables' },
  [PageOwner.HEAP]: { kind: 'heap', name: 'heap' },
  [PageOwner.SLAB]: { kind: 'slab', name: 'slab' },
  [PageOwner.STACK]: { kind: 'kernel-stack', name: 'kernel stacks' },
  [PageOwner.DMA]: { kind: 'dma', name: 'dma' },
  [PageOwner.USER]: { kind: 'user', name: 'user' },
};

/** All kinds, in the order of their numbers. */
export const PAGE_OWNERS: readonly PageOwner[] = Object.values(PageOwner);

/** Owner of this kind in events; an account may have its own `name`. */
export function pageOwnerInEvents(owner: PageOwner, name: string = pageOwnerName(owner)): EventOwner {
  return { kind: IN_EVENTS[owner].kind, name };
}

/** Name of owners of this kind in reports. */
export function pageOwnerName(owner: PageOwner): string {
  return IN_EVENTS[owner].name;
}

/**
 * True for owners that may use the reserve, so that the kernel works when user memory is exhausted.
 */
export function mayUseReserve(owner: PageOwner): boolean {
  return owner !== PageOwner.USER;
}
