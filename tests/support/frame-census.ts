// SPDX-License-Identifier: GPL-2.0-only
/**
 * The expected contents of every struct Page, computed from the owner of each frame, and compared
 * with the bytes of mem_map in physical memory.
 *
 *     byte 0 flags | 1 order | 2..3 refcount | 4..7 zero | 8..15 next | 16..23 prev        24 bytes, little-endian
 *
 * Free frames need no history: where every pair of free buddies has merged, the set of free frames
 * alone decides the blocks. Links are checked as what they are for: each leads to a free head of
 * the same order, and back.
 */

import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { type Span, show } from './spans.ts';

const PAGE = 4096;
const STRUCT_BYTES = 24;
const STRUCT_WORDS = 6;
const TOP_ORDER = 20;

const FREE = 0x01;
const ALLOCATED = 0x02;
const RESERVED = 0x04;
const HEAD = 0x08;
const TAIL = 0x10;
const EXACT = 0x20;
const CONTINUED = 0x40;

const ORDER = 2 ** 8;
const REFERENCED_ONCE = 2 ** 16;

/** Violations shown before the rest is only counted. */
const SHOWN = 10;

/**
 * The owners of the frames of RAM. Spans are whole pages; a frame that no list names is reserved.
 */
export interface Ownership {
  /** Banks, ascending. */
  readonly ram: readonly Span[];
  readonly free: readonly Span[];
  /** Allocations of single frames, by address. */
  readonly pages: readonly number[];
  /** Allocations of any number of frames. */
  readonly exact: readonly Span[];
}

/** Expected state words in the order of mem_map, and the free blocks by order. */
export interface Census {
  readonly words: Uint32Array;
  readonly freeBlocks: readonly number[];
}

/** O(frames). */
export function expectedCensus({ ram, free, pages, exact }: Ownership): Census {
  const entries = ram.reduce((sum, { start, end }) => sum + (end - start) / PAGE, 0);
  const words = new Uint32Array(entries).fill(RESERVED);
  const freeBlocks = new Array<number>(TOP_ORDER + 1).fill(0);
  const entryOf = entryFinder(ram);
  const block = (address: number, order: number, flags: number): void => {
    const entry = entryOf(address);
    words[entry] = HEAD | flags | (order * ORDER);
    words.fill(TAIL, entry + 1, entry + 2 ** order);
  };
  for (const { start, end } of free) {
    for (let at = start / PAGE; at < end / PAGE; ) {
      let order = 0;
      while (order < TOP_ORDER && at % 2 ** (order + 1) === 0 && at + 2 ** (order + 1) <= end / PAGE) order++;
      block(at * PAGE, order, FREE);
      freeBlocks[order]!++;
      at += 2 ** order;
    }
  }
  for (const address of pages) block(address, 0, ALLOCATED | REFERENCED_ONCE);
  for (const { start, end } of exact) {
    // The binary digits of its length, largest first.
    for (let at = start, order = TOP_ORDER; order >= 0; order--) {
      if (Math.floor((end - start) / PAGE / 2 ** order) % 2 === 0) continue;
      block(at, order, ALLOCATED | REFERENCED_ONCE | EXACT | (at === start ? 0 : CONTINUED));
      at += 2 ** order * PAGE;
    }
  }
  return { words, freeBlocks };
}

/**
 * Compares mem_map with its expected contents. @param mapVirtual virtual address of its first byte
 * @returns one sentence for each frame that is wrong, the first few of them. O(frames)
 */
export function compareCensus(
  memory: PhysicalMemory,
  map: { readonly base: number; readonly virtual: bigint },
  { words }: Census,
  ram: readonly Span[],
): string[] {
  const found: string[] = [];
  let more = 0;
  const addressOf = addressFinder(ram);
  const report = (entry: number, what: string): void => {
    if (found.length < SHOWN) found.push(`struct Page of frame 0x${addressOf(entry).toString(16)}: ${what}`);
    else more++;
  };
  const bytes = memory.readBytes(map.base, words.length * STRUCT_BYTES);
  const actual = new Uint32Array(bytes.buffer, bytes.byteOffset, words.length * STRUCT_WORDS);
  const link = (entry: number, word: number): number | null => {
    const low = actual[entry * STRUCT_WORDS + word]!;
    const high = actual[entry * STRUCT_WORDS + word + 1]!;
    if (low === 0 && high === 0) return null;
    return Number((BigInt(high) << 32n) + BigInt(low) - map.virtual) / STRUCT_BYTES;
  };
  for (let entry = 0; entry < words.length; entry++) {
    const at = entry * STRUCT_WORDS;
    const word = words[entry]!;
    if (actual[at] !== word) {
      report(entry, `state 0x${actual[at]!.toString(16)}, expected 0x${word.toString(16)}`);
    } else if (actual[at + 1] !== 0) {
      report(entry, 'padding is not zero');
    } else if ((word & FREE) === 0) {
      if (actual[at + 2]! + actual[at + 3]! + actual[at + 4]! + actual[at + 5]! > 0) {
        report(entry, 'linked, but not free');
      }
    } else {
      for (const [there, back] of [
        [2, 4],
        [4, 2],
      ] as const) {
        const neighbour = link(entry, there);
        if (neighbour !== null && (words[neighbour] !== word || link(neighbour, back) !== entry)) {
          report(
            entry,
            `link at word ${there} leads to entry ${neighbour}, not to a free block of its order that leads back`,
          );
        }
      }
    }
  }
  if (more > 0) found.push(`and ${more} more; RAM is ${show(ram)}`);
  return found;
}

/** Index in mem_map of the frame at an address: banks follow each other there. */
function entryFinder(ram: readonly Span[]): (address: number) => number {
  const firsts: number[] = [];
  let entries = 0;
  for (const { start, end } of ram) {
    firsts.push(entries);
    entries += (end - start) / PAGE;
  }
  return (address) => {
    const bank = ram.findIndex(({ start, end }) => address >= start && address < end);
    if (bank < 0) throw new RangeError(`0x${address.toString(16)} is not RAM`);
    return firsts[bank]! + (address - ram[bank]!.start) / PAGE;
  };
}

function addressFinder(ram: readonly Span[]): (entry: number) => number {
  return (entry) => {
    let rest = entry;
    for (const { start, end } of ram) {
      const frames = (end - start) / PAGE;
      if (rest < frames) return start + rest * PAGE;
      rest -= frames;
    }
    return Number.NaN;
  };
}
