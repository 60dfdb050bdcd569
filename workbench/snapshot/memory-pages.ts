// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory in a snapshot: the pages that differ from the loaded images, chunk by chunk. A restore
 * gets everything else by loading again.
 *
 *     chunk  │ zero │ kernel, as loaded │ written │ zero │ written │       bitmap 0 0 1 0 1, and two pages
 */

import { PAGE_SIZE, physAddr } from '#common/address.ts';
import { concatBytes, sameBytes } from '#common/bytes.ts';
import { type MemoryBank, PhysicalMemory } from '#emulator/memory/physical-memory.ts';

/** Pages of one stretch of memory that were written to. */
export type ChangedPages = {
  /** Physical address of the first byte. */
  readonly base: number;
  /** One bit for each page of the stretch, the first one in bit 0 of byte 0. */
  readonly bitmap: Uint8Array;
  /** The pages whose bits are set, one after the other. */
  readonly pages: Uint8Array;
};

const NOTHING = new Uint8Array(PAGE_SIZE);

/** RAM as the loader leaves it. */
export function loadedMemory(
  banks: readonly MemoryBank[],
  images: readonly { readonly base: number; readonly bytes: Uint8Array }[],
): PhysicalMemory {
  const memory = new PhysicalMemory(banks);
  for (const { base, bytes } of images) memory.writeBytes(physAddr(base), bytes);
  return memory;
}

/**
 * The touched chunks of `memory`, with their pages that differ from those of `loaded`, which has
 * the same banks. O(touched bytes).
 */
export function changedRam(memory: PhysicalMemory, loaded: PhysicalMemory): ChangedPages[] {
  const known = new Set(loaded.touchedRanges().map(({ start }) => start));
  return memory.touchedRanges().map(({ start, end }) => {
    const before = known.has(start) ? bytesOf(loaded, start, end) : null;
    return changedPages(start, bytesOf(memory, start, end), before);
  });
}

/** Copies the pages back into freshly loaded RAM. */
export function restoreRam(memory: PhysicalMemory, changed: readonly ChangedPages[]): void {
  for (const { base, bitmap, pages } of changed) {
    const chunk = memory.touch(base);
    if (chunk !== null) restorePages(chunk.bytes.subarray(base - chunk.base), bitmap, pages);
  }
  memory.noteWrite();
}

/**
 * Pages of `now`, which begins at `base`, that differ from those of `before`; null: from zeros.
 * Lengths are whole pages.
 */
export function changedPages(base: number, now: Uint8Array, before: Uint8Array | null): ChangedPages {
  const count = now.length / PAGE_SIZE;
  const bitmap = new Uint8Array(Math.ceil(count / 8));
  const changed: Uint8Array[] = [];
  for (let index = 0; index < count; index++) {
    const at = index * PAGE_SIZE;
    const page = now.subarray(at, at + PAGE_SIZE);
    if (sameBytes(page, before?.subarray(at, at + PAGE_SIZE) ?? NOTHING)) continue;
    bitmap[index >>> 3] = (bitmap[index >>> 3] ?? 0) | (1 << (index & 7));
    changed.push(page);
  }
  return { base, bitmap, pages: concatBytes(changed) };
}

/** Copies the pages to their places in `target`, which has the base of their stretch. */
export function restorePages(target: Uint8Array, bitmap: Uint8Array, pages: Uint8Array): void {
  let at = 0;
  for (let index = 0; at < pages.length; index++) {
    if (((bitmap[index >>> 3] ?? 0) & (1 << (index & 7))) === 0) continue;
    target.set(pages.subarray(at, at + PAGE_SIZE), index * PAGE_SIZE);
    at += PAGE_SIZE;
  }
}

/** The bytes of a touched range: it lies in one chunk. */
function bytesOf(memory: PhysicalMemory, start: number, end: number): Uint8Array {
  const chunk = memory.touch(start);
  if (chunk === null) throw new RangeError(`no RAM at ${start}`);
  return chunk.bytes.subarray(start - chunk.base, end - chunk.base);
}
