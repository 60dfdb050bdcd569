// SPDX-License-Identifier: GPL-2.0-only
/**
 * mem_map: an array of struct Page, with an entry for each frame of RAM and none for holes. This
 * file finds the descriptor of a frame, and initially sets all of them to RESERVED. From then on
 * only the buddy allocator writes them.
 *
 * ```
 * RAM       |== bank 0 ==|          (30 GiB of nothing)          |======= bank 1 =======|
 * mem_map   | page page .. page | page page page page ....... page |      24 bytes each, no entries for the hole
 *           section 0           section 1
 * ```
 *
 * Banks larger than 512 GiB are divided into sections at multiples of 512 GiB, so that word numbers
 * in a section fit 32-bit integers. The largest block, 4 GiB, never crosses such a boundary, so
 * nothing is lost.
 *
 * It is set up in three steps, because the array describes the memory that contains it: planMemMap
 * computes the size, placeMemMap finds and reserves the place, and MemMap uses it once it is
 * mapped.
 */

import { alignDown, hex, PAGE_SIZE, type PhysAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import { bisect, type Range } from '#common/range.ts';
import type { MemoryPort, MemoryWindow } from '#kernel-ts/hal/ports.ts';
import { DIRECT_MAP_BYTES, physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import type { Memblock } from './memblock.ts';
import type { HoleVerdict } from './memblock-holes.ts';
import { allRamReserved, noRamRegions, noRoomForMemMap } from '#kernel-ts/kernel/panic.ts';
import { OwnerKind } from './owner.ts';
import { PAGE_STRUCT_BYTES, PAGE_STATE, PAGE_STRUCT_WORDS, RESERVED_STATE } from './page.ts';

/** Most frames of a section: 512 GiB. */
export const MAX_SECTION_FRAMES = 2 ** 27;

/** Frames [startPfn, endPfn), described from entry `firstEntry` of mem_map on. */
export interface SectionPlan {
  readonly startPfn: number;
  readonly endPfn: number;
  readonly firstEntry: number;
}

/** Sections and size of mem_map. */
export interface MemMapPlan {
  readonly sections: readonly SectionPlan[];
  readonly entries: number;
  readonly bytes: number;
}

/** Place of mem_map, and the verdict on each hole. */
export interface MemMapPlacement extends MemMapPlan {
  readonly base: PhysAddr;
  readonly holes: readonly HoleVerdict[];
}

/** Size and sections of mem_map for banks of RAM, ascending and disjoint. */
export function planMemMap(banks: Iterable<Range>): MemMapPlan {
  const sections: SectionPlan[] = [];
  let entries = 0;
  for (const bank of banks) {
    const bankEndPfn = bank.end / PAGE_SIZE;
    for (let startPfn = bank.start / PAGE_SIZE; startPfn < bankEndPfn; ) {
      const endPfn = Math.min(bankEndPfn, alignDown(startPfn, MAX_SECTION_FRAMES) + MAX_SECTION_FRAMES);
      sections.push({ startPfn, endPfn, firstEntry: entries });
      entries += endPfn - startPfn;
      startPfn = endPfn;
    }
  }
  return { sections, entries, bytes: entries * PAGE_STRUCT_BYTES };
}

/**
 * Reserves the place of mem_map: the first free range, from low to high addresses, that holds all
 * of it.
 * @param limit end of the memory that is mapped at this point of the boot: the place ends at or
 * below it
 * @param whyNoRam contents of the device tree instead of RAM, for the first panic
 * @throws KernelPanic `No RAM regions found in DTB` · `All RAM is reserved — no free memory` ·
 *   `Cannot allocate mem_map — insufficient contiguous memory`
 */
export function placeMemMap(memblock: Memblock, limit = DIRECT_MAP_BYTES, whyNoRam = ''): MemMapPlacement {
  const plan = planMemMap(memblock.banks());
  const totals = memblock.totals();
  if (plan.entries === 0) {
    throw noRamRegions(
      `regions found: ${totals.memoryRegions}, bytes in partial pages: ${totals.trimmed}, bytes beyond 2^47: ${totals.clipped}` +
        (whyNoRam === '' ? '' : `; ${whyNoRam}`),
    );
  }
  const numbers = `RAM ${totals.ram} bytes in ${totals.memoryRegions} regions, ${totals.reservedRegions} reserved ranges`;
  if (totals.free === 0) throw allRamReserved(`${numbers} cover all ${totals.reserved} bytes`);
  const holes = memblock.explainHoles(plan.bytes, PAGE_SIZE, { limit });
  const base = memblock.alloc(plan.bytes, PAGE_SIZE, { owner: { kind: OwnerKind.MEM_MAP, cookie: 0n }, limit });
  if (base === null) {
    const below = limit < DIRECT_MAP_BYTES ? `, must end at or below ${hex(limit)}` : '';
    throw noRoomForMemMap(
      `${numbers}; ${plan.bytes} bytes needed for ${plan.entries} frames, ${totals.free} bytes free in ${holes.length} holes, ` +
        `largest hole ${totals.largestHole} bytes${below}`,
    );
  }
  return { ...plan, base, holes };
}

/** Section with a window on its descriptors. */
export interface Section extends SectionPlan {
  /** Virtual address of its first descriptor. */
  readonly va: VirtAddr;
  readonly window: MemoryWindow;
}

/** The array, once its memory is mapped. */
export class MemMap {
  readonly base: PhysAddr;
  readonly va: VirtAddr;
  readonly entries: number;
  readonly bytes: number;
  readonly sections: readonly Section[];

  /** @throws DataAbort when a part of the place is not mapped */
  constructor(memory: MemoryPort, placement: MemMapPlacement) {
    this.base = placement.base;
    this.va = physToVirt(placement.base);
    this.entries = placement.entries;
    this.bytes = placement.bytes;
    this.sections = placement.sections.map((section) => {
      const va = virtAddr(this.va + BigInt(section.firstEntry * PAGE_STRUCT_BYTES));
      return { ...section, va, window: memory.window(va, (section.endPfn - section.startPfn) * PAGE_STRUCT_BYTES) };
    });
  }

  /** Sets every descriptor to RESERVED. O(frames); charged as three 64-bit stores a frame. */
  initialise(): void {
    for (const section of this.sections) {
      reserveAll(section.window);
      section.window.charge(3 * (section.endPfn - section.startPfn));
    }
  }

  /** Section of frame `pfn`, `null` when it is not RAM. O(log sections). */
  findSection(pfn: number): Section | null {
    const { sections } = this;
    const section = sections[bisect(sections.length, (i) => sections[i]!.endPfn <= pfn)];
    return section !== undefined && section.startPfn <= pfn ? section : null;
  }

  /** Virtual address of frame `pfn`'s descriptor, null when it is not RAM. O(log sections). */
  pfnToPage(pfn: number): VirtAddr | null {
    const section = this.findSection(pfn);
    return section === null ? null : virtAddr(section.va + BigInt((pfn - section.startPfn) * PAGE_STRUCT_BYTES));
  }

  /** Frame number of the descriptor at `page`, null when there is none. O(sections). */
  pageToPfn(page: VirtAddr): number | null {
    const offset = Number(page - this.va);
    const entry = offset / PAGE_STRUCT_BYTES;
    if (!Number.isInteger(entry) || entry < 0 || entry >= this.entries) return null;
    const section = this.sections.findLast(({ firstEntry }) => firstEntry <= entry)!;
    return section.startPfn + (entry - section.firstEntry);
  }
}

/**
 * Fills a window with RESERVED descriptors. One descriptor at a time would need a store for each
 * word; copying a run that stays in the cache has the speed of memcpy. The 48 MiB of mem_map take
 * most of the time between reset and the first allocation.
 */
function reserveAll(window: MemoryWindow): void {
  const pieces = window.sync();
  const pieceWords = 2 ** window.shift;
  const end = window.first + window.words;
  for (let at = window.first; at < end; ) {
    const from = at % pieceWords;
    const to = Math.min(pieceWords, from + (end - at));
    const piece = pieces[Math.floor(at / pieceWords)]!;
    const run = Math.min(to - from, RUN_WORDS);
    for (let i = 0; i < run; i++) {
      const word = (at - window.first + i) % PAGE_STRUCT_WORDS;
      piece[from + i] = word === PAGE_STATE ? RESERVED_STATE : 0;
    }
    for (let target = from + run; target < to; target += run) {
      piece.copyWithin(target, from, from + Math.min(run, to - target));
    }
    at += to - from;
  }
}

/** A whole number of descriptors, 24 KiB: inside the first-level cache of the host. */
const RUN_WORDS = PAGE_STRUCT_WORDS * 1024;
