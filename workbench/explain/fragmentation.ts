// SPDX-License-Identifier: GPL-2.0-only
/**
 * Linux's two measures of how broken up free memory is, from the number of free blocks of each
 * order. In thousandths, truncated, as Linux prints them in /sys/kernel/debug/extfrag.
 *
 *     unusable free space index   share of free memory in blocks too small for the order   0 all usable … 1000 none
 *     fragmentation index         why an allocation of the order would fail      0 memory is short … 1000 in pieces
 *                                 -1000: it would not fail
 *
 * Source: Linux Documentation/admin-guide/sysctl/vm.rst (extfrag_threshold); the arithmetic is that
 * of mm/vmstat.c, unusable_free_index and __fragmentation_index; the second index after Gorman and
 * Whitcroft, "The What, The Why and the Where To of Anti-Fragmentation".
 */

/** An allocation of the order would succeed. */
export const WOULD_SUCCEED = -1000;

/**
 * Unusable free space index of each order. 1000 where nothing is free. O(orders).
 * @param freeBlocks count of each order
 */
export function unusableFreeIndices(freeBlocks: readonly number[]): number[] {
  const free = framesIn(freeBlocks);
  return freeBlocks.map((_, order) => {
    if (free === 0) return 1000;
    const usable = framesIn(freeBlocks, order);
    return Math.floor(((free - usable) * 1000) / free);
  });
}

/**
 * Fragmentation index of each order. 0 where nothing is free. O(orders).
 * @param freeBlocks count of each order
 */
export function fragmentationIndices(freeBlocks: readonly number[]): number[] {
  const free = framesIn(freeBlocks);
  const blocks = freeBlocks.reduce((sum, count) => sum + count, 0);
  return freeBlocks.map((_, order) => {
    if (blocks === 0) return 0;
    if (freeBlocks.slice(order).some((count) => count > 0)) return WOULD_SUCCEED;
    const asked = Math.floor((free * 1000) / 2 ** order);
    return 1000 - Math.floor((1000 + asked) / blocks);
  });
}

/** "0.937", "-1.000". */
export function showThousandths(index: number): string {
  const size = Math.abs(index);
  return `${index < 0 ? '-' : ''}${Math.floor(size / 1000)}.${String(size % 1000).padStart(3, '0')}`;
}

/** Frames in the free blocks of at least order `from`. */
function framesIn(freeBlocks: readonly number[], from = 0): number {
  return freeBlocks.reduce((sum, count, order) => (order < from ? sum : sum + count * 2 ** order), 0);
}
