// SPDX-License-Identifier: GPL-2.0-only
/**
 * Half-open ranges [start, end) of addresses in bytes, or of page frame numbers, and their
 * arithmetic.
 *
 *     a                |======|     |=====|
 *     b                    |====|
 *     join(a, b)       |========|   |=====|      sorted, disjoint, maximal
 *     intersect(a, b)      |==|
 *     subtract(a, b)   |===|        |=====|
 *
 * Ranges may carry more fields: intersect and subtract keep those of their first argument. Inputs
 * may overlap and come in any order; outputs ascend.
 */

import { alignUp } from './address.ts';

/** Range [start, end). Those of device trees have 64-bit numbers, which are `bigint`. */
export interface Range<T extends number | bigint = number> {
  readonly start: T;
  readonly end: T;
}

/** Base and size, as in data sheets and `reg` properties. */
export interface BaseAndSize {
  readonly base: number;
  readonly size: number;
}

/** Range of a base and size. */
export function rangeOf({ base, size }: BaseAndSize): Range {
  return { start: base, end: base + size };
}

/** Base and size of a range. */
export function placeOf({ start, end }: Range): BaseAndSize {
  return { base: start, size: end - start };
}

/** Converts a range of a device tree to numbers: exact below 2^53. */
export function numberRange({ start, end }: Range<bigint>): Range {
  return { start: Number(start), end: Number(end) };
}

/** Length of a range. */
export function lengthOf({ start, end }: Range): number {
  return end - start;
}

/** Sum of lengths. Overlaps are counted each time. */
export function totalLength(ranges: readonly Range[]): number {
  return ranges.reduce((sum, range) => sum + lengthOf(range), 0);
}

/** Sum of sizes, of a board's RAM for instance. */
export function totalSize(places: readonly BaseAndSize[]): number {
  return places.reduce((sum, { size }) => sum + size, 0);
}

/** True when `address` lies in `range`. */
export function includes<T extends number | bigint>({ start, end }: Range<T>, address: T): boolean {
  return address >= start && address < end;
}

/** True when all of `inner` lies in `outer`. */
export function contains<T extends number | bigint>(outer: Range<T>, inner: Range<T>): boolean {
  return inner.start >= outer.start && inner.end <= outer.end;
}

/** True when the ranges share an address; never for an empty one. */
export function overlap<T extends number | bigint>(a: Range<T>, b: Range<T>): boolean {
  return a.start < b.end && b.start < a.end && a.start < a.end && b.start < b.end;
}

/** Merges overlapping and adjacent ranges; empty ones are left out. O(n log n). */
export function join(ranges: readonly Range[]): Range[] {
  const joined: { start: number; end: number }[] = [];
  for (const { start, end } of ascending(ranges)) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last.end) last.end = Math.max(last.end, end);
    else joined.push({ start, end });
  }
  return joined;
}

/** Parts of `ranges` that no hole covers. O(n m). */
export function subtract<T extends Range>(ranges: readonly T[], holes: readonly Range[]): T[] {
  const sorted = ascending(holes);
  const left: T[] = [];
  for (const range of ranges) {
    let { start } = range;
    for (const hole of sorted) {
      if (hole.end <= start) continue;
      if (hole.start >= range.end) break;
      if (hole.start > start) left.push({ ...range, start, end: hole.start });
      start = hole.end;
    }
    if (start < range.end) left.push({ ...range, start });
  }
  return ascending(left);
}

/** Parts of `ranges` inside one of `windows`, once for each window. O(n m). */
export function intersect<T extends Range>(ranges: readonly T[], windows: readonly Range[]): T[] {
  return ascending(
    ranges.flatMap((range) =>
      windows.map((window) => ({
        ...range,
        start: Math.max(range.start, window.start),
        end: Math.min(range.end, window.end),
      })),
    ),
  );
}

/**
 * Lowest multiple of `align` at or above `from` at which `size` bytes of one of `rooms` are clear
 * of all of `taken`; null when there is none. O(n m).
 */
export function firstFit(
  rooms: readonly Range[],
  taken: readonly Range[],
  size: number,
  align: number,
  from = 0,
): number | null {
  for (const { start, end } of subtract(rooms, taken)) {
    const at = alignUp(Math.max(start, from), align);
    if (at + size <= end) return at;
  }
  return null;
}

/**
 * First index of [0, count) for which `isBefore` is false, or `count`. All indices for which it is
 * true must come first. O(log count).
 */
export function bisect(count: number, isBefore: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (isBefore(middle)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Nonempty ranges, sorted by start. */
function ascending<T extends Range>(ranges: readonly T[]): T[] {
  return ranges.filter(({ start, end }) => start < end).toSorted((a, b) => a.start - b.start);
}
