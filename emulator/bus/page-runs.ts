/**
 * Which pages of physical memory hold devices: the engine is told of whole pages, and of as few
 * ranges as will do.
 */

import { alignDown, alignUp, PAGE_SIZE } from '#common/address.ts';

/**
 * Runs of whole pages, [start, end), that hold the ranges given; ascending. Ranges may share a
 * page. O(n log n).
 */
export function pageRuns(
  ranges: readonly { readonly base: number; readonly size: number }[],
): [start: number, end: number][] {
  const runs: [number, number][] = [];
  for (const { base, size } of [...ranges].sort((a, b) => a.base - b.base)) {
    const start = alignDown(base, PAGE_SIZE);
    const end = alignUp(base + size, PAGE_SIZE);
    const last = runs.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else runs.push([start, end]);
  }
  return runs;
}
