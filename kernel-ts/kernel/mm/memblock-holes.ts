// SPDX-License-Identifier: GPL-2.0-only
/**
 * First fit among free ranges, from low to high addresses, with the reason for every range that was
 * skipped. Pure arithmetic on ranges; memblock supplies the free ones.
 */

import { alignUp, hex } from '#common/address.ts';
import { lengthOf, overlap, type Range } from '#common/range.ts';

/** Constraints on a place. Addresses and sizes in bytes. */
export interface PlaceConstraints {
  readonly size: number;
  readonly align: number;
  /** Lowest address at which the place may start. */
  readonly from: number;
  /** Address at or below which the place must end. */
  readonly limit: number;
}

/** Verdict on one free range. `at` is the start of the place in an accepted one. */
export type HoleVerdict =
  | (Range & { readonly accepted: true; readonly at: number })
  | (Range & { readonly accepted: false; readonly reason: string });

/** Judges one free range. */
export function placeInHole(hole: Range, constraints: PlaceConstraints): HoleVerdict {
  const refuse = (reason: string): HoleVerdict => ({ ...hole, accepted: false, reason });
  if (lengthOf(hole) < constraints.size) {
    return refuse(`too small: ${lengthOf(hole)} bytes, ${constraints.size} needed`);
  }
  const at = alignUp(Math.max(hole.start, constraints.from), constraints.align);
  if (at + constraints.size <= Math.min(hole.end, constraints.limit)) return { ...hole, accepted: true, at };
  if (hole.end <= constraints.from) return refuse(`below ${hex(constraints.from)}`);
  if (hole.start >= constraints.limit) return refuse(`above ${hex(constraints.limit)}`);
  const room = Math.max(0, Math.min(hole.end, constraints.limit) - at);
  return refuse(
    `${room} bytes between ${hex(at)} (aligned to ${hex(constraints.align)}) and the end, ${constraints.size} needed`,
  );
}

/** Lowest place that satisfies `constraints`, or `null`. `holes` must ascend. O(holes). */
export function firstFit(holes: Iterable<Range>, constraints: PlaceConstraints): number | null {
  for (const hole of holes) {
    const verdict = placeInHole(hole, constraints);
    if (verdict.accepted) return verdict.at;
  }
  return null;
}

/**
 * Lowest place that satisfies `constraints`, inside one of `memory` and clear of all of `taken`.
 * Both may be in any order and overlap. For use before there is a sorted table. O((memory + taken)
 * * taken) at worst, linear when few ranges stand in the way.
 */
export function firstFitUnsorted(
  memory: readonly Range[],
  taken: readonly Range[],
  constraints: PlaceConstraints,
): number | null {
  let from = constraints.from;
  for (;;) {
    let at = Number.POSITIVE_INFINITY;
    for (const range of memory) {
      const verdict = placeInHole(range, { ...constraints, from });
      if (verdict.accepted) at = Math.min(at, verdict.at);
    }
    if (at === Number.POSITIVE_INFINITY) return null;
    let clear = at;
    for (const range of taken) {
      if (overlap(range, { start: at, end: at + constraints.size })) clear = Math.max(clear, range.end);
    }
    if (clear === at) return at;
    from = clear;
  }
}
