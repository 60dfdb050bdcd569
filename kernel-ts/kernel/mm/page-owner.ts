/**
 * What frames are in use for: the kinds of owner that the frame accounts count by, and who may take
 * the kernel's reserve. Reservations of the boot, which never reach the buddy allocator, are
 * owner.ts's.
 */

/** Kinds of owner: the index of their counter in memory (frame-accounts.ts). */
export const PageOwner = {
  /** The kernel itself, for what has no kind of its own. */
  KERNEL: 0,
  PAGE_TABLES: 1,
  HEAP: 2,
  SLAB: 3,
  /** Kernel stacks of processes. */
  STACK: 4,
  DMA: 5,
  /** Pages of user processes: the one kind that leaves the reserve alone. */
  USER: 6,
} as const;

export type PageOwner = (typeof PageOwner)[keyof typeof PageOwner];

const NAMES: Readonly<Record<PageOwner, string>> = {
  [PageOwner.KERNEL]: 'kernel',
  [PageOwner.PAGE_TABLES]: 'page tables',
  [PageOwner.HEAP]: 'heap',
  [PageOwner.SLAB]: 'slab',
  [PageOwner.STACK]: 'kernel stacks',
  [PageOwner.DMA]: 'dma',
  [PageOwner.USER]: 'user',
};

/** Every kind, in the order of its number. */
export const PAGE_OWNERS: readonly PageOwner[] = Object.values(PageOwner);

/** What reports and traces call owners of this kind. */
export function pageOwnerName(owner: PageOwner): string {
  return NAMES[owner];
}

/**
 * True when frames for `owner` may come out of the reserve: the kernel must be able to work when
 * user memory is exhausted.
 */
export function mayUseReserve(owner: PageOwner): boolean {
  return owner !== PageOwner.USER;
}
