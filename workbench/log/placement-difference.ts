/**
 * Why mem_map is somewhere else, or of another size, in another run.
 *
 * The kernel takes the first hole that is large enough, and logs what it thought of each. So where
 * the new place was refused or did not exist before, or the old one is refused or gone now, that is
 * the reason.
 */

import { showBytes, showCount } from '#common/quantities.ts';
import type { MemMapFact, MemoryFacts, RangeFact } from './facts.ts';

/** A candidate, as the kernel judged it. */
interface Hole extends RangeFact {
  /** "accepted", or why not. */
  readonly verdict: string;
}

/**
 * Sentences about mem_map; none when nothing changed. `ram`: the difference in RAM, if there is
 * one.
 */
export function placementDifference(
  { memMap: a }: MemoryFacts,
  { memMap: b }: MemoryFacts,
  ram: string | null,
): string[] {
  if (a === null || b === null) {
    if (a === b) return [];
    return [b === null ? 'mem_map has no place any more' : `mem_map has a place now, at ${hexOf(b.base)}`];
  }
  const texts: string[] = [];
  if (a.base !== b.base)
    texts.push(`mem_map moved from ${hexOf(a.base)} to ${hexOf(b.base)}${reasonToMove(a, b, ram)}`);
  if (a.bytes !== b.bytes) {
    const because = ram === null ? '' : ` because RAM is ${ram}`;
    texts.push(
      `mem_map has ${showBytes(b.bytes)} instead of ${showBytes(a.bytes)}${because}: ${showCount(b.entries)} entries of ${b.bytes / b.entries} bytes instead of ${showCount(a.entries)}`,
    );
  }
  return texts;
}

function reasonToMove(a: MemMapFact, b: MemMapFact, ram: string | null): string {
  const [before, after] = [a.holes.map(parseHole), b.holes.map(parseHole)];
  const oldPlaceNow = holeAt(after, a.base);
  const newPlaceThen = holeAt(before, b.base);
  const dueToRam = ram === null ? '' : `, and RAM is ${ram}`;
  if (b.base < a.base && newPlaceThen !== null) {
    return newPlaceThen.verdict === ACCEPTED
      ? ''
      : ` because the hole at ${hexOf(newPlaceThen.base)} is large enough now; before it was ${newPlaceThen.verdict}${dueToRam}`;
  }
  if (oldPlaceNow !== null && oldPlaceNow.verdict !== ACCEPTED) {
    return ` because the hole at ${hexOf(oldPlaceNow.base)} is refused now: ${oldPlaceNow.verdict}${dueToRam}`;
  }
  if (oldPlaceNow === null) {
    return ` because ${hexOf(a.base)} is no longer free${ram === null ? '' : `: RAM is ${ram}`}`;
  }
  if (newPlaceThen === null) {
    return ` because ${hexOf(b.base)}, which was not free before, is the first hole that fits now${dueToRam}`;
  }
  return '';
}

const ACCEPTED = 'accepted';

/** "0x0080000000..0x0080080000 too small: …" as the kernel writes it. */
function parseHole(text: string): Hole {
  const match = /^(0x[0-9a-f]+)\.\.(0x[0-9a-f]+) (.*)$/s.exec(text);
  const [base, end] = [Number(match?.[1]), Number(match?.[2])];
  return { base, bytes: end - base, verdict: match?.[3] ?? text };
}

function holeAt(holes: readonly Hole[], address: number): Hole | null {
  return holes.find(({ base, bytes }) => base <= address && address < base + bytes) ?? null;
}

function hexOf(address: number): string {
  return `0x${address.toString(16)}`;
}
