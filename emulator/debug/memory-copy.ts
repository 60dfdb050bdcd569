// SPDX-License-Identifier: GPL-2.0-only
/**
 * Copy of a machine's memory that shares unchanged pages with the previous copy.
 *
 *     copy 1   │ a │ - │ b │ c │        "-" a page of zeros: not kept
 *     copy 2   │ ↑ │ d │ ↑ │ - │        "↑" the same page as in copy 1, not another one
 *
 * Not here: the rest of the machine (checkpoint.ts), and memory in files (snapshots).
 */

import { alignUp, PAGE_SIZE } from '#common/address.ts';
import { sameBytes } from '#common/bytes.ts';
import { noteUsed } from '#emulator/machine/fixed-memory.ts';
import type { Machine } from '#emulator/machine/machine.ts';

export interface MemoryCopy {
  /** First address of each stretch of RAM that is backed by host memory. */
  readonly touched: readonly number[];
  /** Pages that are not all zeros, by physical address. Immutable. */
  readonly pages: ReadonlyMap<number, Uint8Array>;
}

/** Bytes that were put into memory before the run. */
export interface LoadedImage {
  readonly base: number;
  readonly bytes: Uint8Array;
}

const ZEROS = new Uint8Array(PAGE_SIZE);

/**
 * The whole pages of what was loaded, as a previous copy: much of a kernel's image stays as it was.
 * The images must not change any more.
 */
export function copyOfImages(images: readonly LoadedImage[]): MemoryCopy {
  const pages = new Map<number, Uint8Array>();
  for (const { base, bytes } of images) {
    for (let at = -base & (PAGE_SIZE - 1); at + PAGE_SIZE <= bytes.length; at += PAGE_SIZE) {
      pages.set(base + at, bytes.subarray(at, at + PAGE_SIZE));
    }
  }
  return { touched: [], pages };
}

/** Copies memory. O(touched bytes); only pages that differ from those of `previous` take memory. */
export function copyMemory(machine: Machine, previous: MemoryCopy | null): MemoryCopy {
  const pages = new Map<number, Uint8Array>();
  for (const { base, bytes } of stretches(machine)) {
    for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
      const page = bytes.subarray(at, at + PAGE_SIZE);
      const before = previous?.pages.get(base + at);
      if (before !== undefined && sameBytes(page, before)) pages.set(base + at, before);
      else if (!sameBytes(page, ZEROS)) pages.set(base + at, page.slice());
    }
  }
  return { touched: machine.memory.touchedRanges().map(({ start }) => start), pages };
}

/** Restores memory in a machine that was built alike, whatever its memory holds. */
export function putMemoryBack({ touched, pages }: MemoryCopy, machine: Machine): void {
  for (const start of touched) machine.memory.touch(start);
  for (const memory of machine.fixedMemory) {
    const { base, size } = memory;
    for (const at of pages.keys()) if (at >= base && at < base + size) noteUsed(memory, at - base + PAGE_SIZE);
  }
  for (const { base, bytes } of stretches(machine)) {
    for (let at = 0; at < bytes.length; at += PAGE_SIZE) {
      const target = bytes.subarray(at, at + PAGE_SIZE);
      const page = pages.get(base + at) ?? ZEROS;
      // Not stored when equal: storing zeros over zeros would make the host commit memory.
      if (!sameBytes(target, page)) target.set(page);
    }
  }
  machine.memory.noteWrite();
}

/** Touched RAM, used flash and SRAM, in whole pages, as the engines see them. */
function stretches({ memory, fixedMemory }: Machine): { readonly base: number; readonly bytes: Uint8Array }[] {
  const ram = memory.touchedRanges().flatMap(({ start, end }) => {
    const chunk = memory.touch(start);
    return chunk === null ? [] : [{ base: start, bytes: chunk.bytes.subarray(start - chunk.base, end - chunk.base) }];
  });
  const fixed = fixedMemory.map(({ base, bytes, used }) => ({
    base,
    bytes: bytes.subarray(0, alignUp(used, PAGE_SIZE)),
  }));
  return [...ram, ...fixed];
}
