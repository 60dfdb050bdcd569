// SPDX-License-Identifier: GPL-2.0-only
/**
 * Where Unicorn and the own core hold different values and both are known: who is right. What is
 * listed is not reported.
 */

import { differing, type Picture } from './core-picture.ts';

interface Departure {
  readonly register: string;
  /** Bits that may differ. */
  readonly bits: bigint;
  readonly right: 'Unicorn' | 'own core';
  readonly why: string;
}

export const DEPARTURES: readonly Departure[] = [];

/** Names of the registers that differ in what no departure explains. */
export function departing(names: readonly string[], leader: Picture, follower: Picture): string[] {
  return differing(names, leader, follower).filter((name) => {
    const index = names.indexOf(name);
    const different = (leader[index] ?? 0n) ^ (follower[index] ?? 0n);
    const known = DEPARTURES.filter(({ register }) => register === name).reduce((bits, each) => bits | each.bits, 0n);
    return (different & ~known) !== 0n;
  });
}
