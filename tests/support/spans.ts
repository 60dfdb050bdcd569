// SPDX-License-Identifier: GPL-2.0-only
/**
 * Half-open spans of addresses for the tests' own bookkeeping: RAM, its owners, and
 * what remains. Written apart from the kernel's arithmetic, so that the two check each other.
 *
 *     unite    |--a--|           without   |------a------|
 *                 |--b--|                     |-b-|
 *              |--------|                  |--|   |-----|
 */

const PAGE = 4096;

/** [start, end), bytes. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** [base, base + size). */
export function span(base: number, size: number): Span {
  return { start: base, end: base + size };
}

/** Sorted, disjoint, none touching another, none empty. */
export function unite(spans: readonly Span[]): Span[] {
  const result: Span[] = [];
  for (const next of spans.filter(({ start, end }) => start < end).toSorted((a, b) => a.start - b.start)) {
    const last = result.at(-1);
    if (last === undefined || last.end < next.start) result.push(next);
    else result[result.length - 1] = { start: last.start, end: Math.max(last.end, next.end) };
  }
  return result;
}

/** `from` without `holes`, as {@link unite} gives it. O(n log n). */
export function without(from: readonly Span[], holes: readonly Span[]): Span[] {
  const taken = unite(holes);
  const result: Span[] = [];
  let first = 0;
  for (const { start, end } of unite(from)) {
    while (first < taken.length && (taken[first] as Span).end <= start) first++;
    let at = start;
    for (let i = first; i < taken.length && (taken[i] as Span).start < end; i++) {
      const hole = taken[i] as Span;
      if (hole.start > at) result.push({ start: at, end: hole.start });
      at = Math.max(at, hole.end);
    }
    if (at < end) result.push({ start: at, end });
  }
  return result;
}

/** The parts of `spans` that lie in `others`. */
export function common(spans: readonly Span[], others: readonly Span[]): Span[] {
  return without(spans, without(spans, others));
}

/** The whole pages inside: usable RAM. */
export function pagesInside(spans: readonly Span[]): Span[] {
  return unite(
    unite(spans).map(({ start, end }) => ({
      start: Math.ceil(start / PAGE) * PAGE,
      end: Math.floor(end / PAGE) * PAGE,
    })),
  );
}

/** The pages touched: the size of a reservation. */
export function pagesTouched(spans: readonly Span[]): Span[] {
  return unite(
    spans
      .filter(({ start, end }) => start < end)
      .map(({ start, end }) => ({ start: Math.floor(start / PAGE) * PAGE, end: Math.ceil(end / PAGE) * PAGE })),
  );
}

/** Bytes in spans that do not overlap. */
export function bytesIn(spans: readonly Span[]): number {
  return spans.reduce((sum, { start, end }) => sum + (end - start), 0);
}

/** "0x80000000..0x90000000 0xa0000000..0xa0001000" */
export function show(spans: readonly Span[]): string {
  return spans.map(({ start, end }) => `0x${start.toString(16)}..0x${end.toString(16)}`).join(' ');
}
