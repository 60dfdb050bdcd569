/** Arithmetic of half-open ranges of addresses [start, end), in bytes. */

/** A range of addresses. */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/**
 * `from` without the parts that `holes` cover, ascending. `from` and `holes` may be in any order
 * and overlap; O(n m).
 */
export function subtract<T extends Interval>(from: readonly T[], holes: readonly Interval[]): T[] {
  const sorted = holes.filter(({ start, end }) => start < end).toSorted((a, b) => a.start - b.start);
  const left: T[] = [];
  for (const range of from) {
    let { start } = range;
    for (const hole of sorted) {
      if (hole.end <= start) continue;
      if (hole.start >= range.end) break;
      if (hole.start > start) left.push({ ...range, start, end: hole.start });
      start = hole.end;
    }
    if (start < range.end) left.push({ ...range, start });
  }
  return left.toSorted((a, b) => a.start - b.start);
}

/** The parts of `ranges` that lie inside one of `windows`, ascending. */
export function intersect<T extends Interval>(ranges: readonly T[], windows: readonly Interval[]): T[] {
  return ranges
    .flatMap((range) =>
      windows
        .map((window) => ({
          ...range,
          start: Math.max(range.start, window.start),
          end: Math.min(range.end, window.end),
        }))
        .filter(({ start, end }) => start < end),
    )
    .toSorted((a, b) => a.start - b.start);
}

/** Sum of lengths, bytes. */
export function totalBytes(ranges: readonly Interval[]): number {
  return ranges.reduce((sum, { start, end }) => sum + (end - start), 0);
}
