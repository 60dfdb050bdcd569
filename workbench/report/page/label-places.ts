// SPDX-License-Identifier: GPL-2.0-only
/** Places of the names of lines: at the lines, but apart from each other. */

/**
 * A place for each of `wanted`, which rise: the same order, `step` between two, the last one at
 * most at `bottom`. The first ones leave the top when there are too many.
 */
export function apart(wanted: readonly number[], step: number, bottom: number): number[] {
  let free = -Infinity;
  const places = wanted.map((at) => {
    const place = Math.max(at, free);
    free = place + step;
    return place;
  });
  let limit = bottom;
  return places
    .reverse()
    .map((at) => {
      const place = Math.min(at, limit);
      limit = place - step;
      return place;
    })
    .reverse();
}
