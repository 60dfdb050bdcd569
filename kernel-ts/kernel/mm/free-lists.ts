// SPDX-License-Identifier: GPL-2.0-only
/**
 * Free lists of a zone, in emulated RAM: access to descriptors, and list operations on blocks.
 * zone.ts decides what is split, merged or allocated.
 *
 * Frames are numbered relative to `originPfn`, a multiple of 2^20 frames. So relative and absolute
 * numbers have the same alignment for every order, and a relative number fits JavaScript's 32-bit
 * operators, which a physical address does not.
 *
 * ```
 * originPfn (k * 4 GiB)      startPfn                      endPfn
 *     |  - - not RAM - - - - - |=============================|
 * rel 0                      startRel                      endRel            word = (rel - startRel) * 6
 * ```
 *
 * Links are checked before they are followed: they must point into the section's descriptors, the
 * block at the head must be free at the list's order, and a neighbour must point back before it is
 * written.
 */

import { alignDown, hex, type VirtAddr } from '#common/address.ts';
import type { MemoryPort, MemoryWindow } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import type { Section } from './mem-map.ts';
import {
  freeHeadState,
  MAX_BLOCK_FRAMES,
  MAX_ORDER,
  PAGE_NEXT_HI,
  PAGE_NEXT_LO,
  PAGE_PAD,
  PAGE_PREV_HI,
  PAGE_PREV_LO,
  PAGE_STATE,
  PAGE_STRUCT_WORDS,
  POISONED,
} from './page.ts';
import {
  AREA_HEAD_HI,
  AREA_HEAD_LO,
  AREA_NR_FREE,
  FREE_AREA_WORDS,
  ZONE_BYTES,
  ZONE_END_PFN,
  ZONE_FREE_AREA,
  ZONE_MANAGED,
  ZONE_MAP,
  ZONE_NON_EMPTY,
  ZONE_ORIGIN_PFN,
  ZONE_START_PFN,
} from './zone-layout.ts';

/** No block: the head of an empty list, and the result of a failed search. */
export const NONE = -1;

/** Handle on a struct Zone and its descriptors. */
export class FreeLists {
  readonly va: VirtAddr;
  readonly startPfn: number;
  readonly endPfn: number;
  readonly originPfn: number;
  readonly startRel: number;
  readonly endRel: number;

  protected readonly mapWindow: MemoryWindow;
  protected readonly zoneWindow: MemoryWindow;
  private readonly mapLo: number;
  private readonly mapHi: number;
  private readonly mapWords: number;

  // Result of the last open(): valid until the code that called it returns to the CPU.
  protected pages: readonly Uint32Array[] = [];
  protected first = 0;
  protected shift = 0;
  protected mask = 0;
  private structs: readonly Uint32Array[] = [];
  protected zone: Uint32Array = new Uint32Array(0);
  protected at = 0;
  private readonly scratch = new Uint32Array(PAGE_STRUCT_WORDS);

  /**
   * @param va address of the struct, 512-aligned.
   * @throws DataAbort when it or the section is not mapped
   */
  constructor(memory: MemoryPort, va: VirtAddr, section: Section) {
    this.va = va;
    this.startPfn = section.startPfn;
    this.endPfn = section.endPfn;
    this.originPfn = alignDown(section.startPfn, MAX_BLOCK_FRAMES);
    this.startRel = (section.startPfn - this.originPfn) | 0;
    this.endRel = (section.endPfn - this.originPfn) | 0;
    this.mapWindow = section.window;
    this.zoneWindow = memory.window(va, ZONE_BYTES);
    this.mapLo = Number(BigInt.asIntN(32, section.va));
    this.mapHi = Number(BigInt.asIntN(32, section.va >> 32n));
    this.mapWords = section.window.words | 0;
  }

  /** Writes the struct of a zone that manages nothing yet. */
  initialise(map: VirtAddr): void {
    this.open();
    this.zone.fill(0, this.at, this.at + ZONE_BYTES / 4);
    this.store64(ZONE_START_PFN, BigInt(this.startPfn));
    this.store64(ZONE_END_PFN, BigInt(this.endPfn));
    this.store64(ZONE_ORIGIN_PFN, BigInt(this.originPfn));
    this.store64(ZONE_MAP, map);
  }

  /**
   * Checks the translation again: the first step of every operation. A window whose mapping moved
   * returns another array of pieces; the same array means that earlier lookups still hold.
   */
  open(): void {
    const pages = this.mapWindow.sync();
    const structs = this.zoneWindow.sync();
    if (pages !== this.pages || structs !== this.structs) this.locate(pages, structs);
  }

  private locate(pages: readonly Uint32Array[], structs: readonly Uint32Array[]): void {
    const map = this.mapWindow;
    const zone = this.zoneWindow;
    this.pages = pages;
    // `| 0` makes V8 treat it as an integer: it takes a number derived from an address for a
    // double, and each index with it.
    this.first = map.first | 0;
    this.shift = map.shift | 0;
    this.mask = (2 ** map.shift - 1) | 0;
    this.structs = structs;
    this.zone = structs[zone.first >>> zone.shift]!;
    this.at = (zone.first % 2 ** zone.shift) | 0;
  }

  get managedFrames(): number {
    return this.zone[this.at + ZONE_MANAGED]!;
  }

  /** Sum over the counters of the lists: stored nowhere else, so it cannot disagree. */
  get freeFrames(): number {
    let frames = 0;
    for (let order = 0; order <= MAX_ORDER; order++) frames += this.freeBlocks(order) * 2 ** order;
    return frames;
  }

  /** Bit k is set when a block of order k is free. */
  get nonEmpty(): number {
    return this.zone[this.at + ZONE_NON_EMPTY]!;
  }

  /** Number of free blocks of `order`, as its list's counter says. */
  freeBlocks(order: number): number {
    return this.zone[this.area(order) + AREA_NR_FREE]!;
  }

  /** Head of the free list of `order`, or NONE. */
  head(order: number): number {
    const area = this.area(order);
    return this.frameOf(this.zone[area + AREA_HEAD_LO]!, this.zone[area + AREA_HEAD_HI]!);
  }

  /** Next block in the list of `rel`, or NONE. */
  next(rel: number): number {
    const word = this.word(rel);
    return this.frameOf(this.load(word + PAGE_NEXT_LO), this.load(word + PAGE_NEXT_HI));
  }

  /** Previous block in the list of `rel`, or NONE. */
  prev(rel: number): number {
    const word = this.word(rel);
    return this.frameOf(this.load(word + PAGE_PREV_LO), this.load(word + PAGE_PREV_HI));
  }

  /** State word of frame `rel`. */
  state(rel: number): number {
    return this.load(this.word(rel));
  }

  /** True when next and prev of frame `rel` are 0, and the padding is 0 or POISONED. */
  unlinked(rel: number): boolean {
    const word = this.word(rel);
    const pad = this.load(word + PAGE_PAD);
    if (pad !== 0 && pad !== POISONED) return false;
    for (let i: number = PAGE_NEXT_LO; i <= PAGE_PREV_HI; i++) {
      if (this.load(word + i) !== 0) return false;
    }
    return true;
  }

  // Below, the word number of its descriptor names a block: links need no division.

  /** Makes the block a free head, the first in the list of its order. */
  protected push(word: number, order: number): void {
    const { pages, first, shift, mask, zone } = this;
    const area = this.at + ZONE_FREE_AREA + order * FREE_AREA_WORDS;
    const lo = (this.mapLo + (word << 2)) | 0;
    const hi = this.linkHi(lo);
    const headLo = zone[area + AREA_HEAD_LO]! | 0;
    const headHi = zone[area + AREA_HEAD_HI]! | 0;
    const i = first + word;
    const p = i & mask;
    const whole = p <= mask - (PAGE_STRUCT_WORDS - 1);
    const page = whole ? pages[i >>> shift]! : this.gather(i);
    const own = whole ? p : 0;
    page[own + PAGE_STATE] = freeHeadState(order);
    page[own + PAGE_NEXT_LO] = headLo;
    page[own + PAGE_NEXT_HI] = headHi;
    page[own + PAGE_PREV_LO] = 0;
    page[own + PAGE_PREV_HI] = 0;
    if (!whole) this.scatter(i);
    if (headHi !== 0) {
      const prev = first + this.follow(headLo, headHi) + PAGE_PREV_LO;
      const page = pages[prev >>> shift]!;
      page[prev & mask] = lo;
      page[(prev & mask) + 1] = hi;
    } else {
      zone[this.at + ZONE_NON_EMPTY]! |= 1 << order;
    }
    zone[area + AREA_HEAD_LO] = lo;
    zone[area + AREA_HEAD_HI] = hi;
    zone[area + AREA_NR_FREE]!++;
  }

  /** Removes the first block of a nonempty list and gives it `state`. @returns the block */
  protected pop(order: number, state: number): number {
    const { pages, first, shift, mask, zone } = this;
    const area = this.at + ZONE_FREE_AREA + order * FREE_AREA_WORDS;
    const lo = zone[area + AREA_HEAD_LO]! | 0;
    const word = this.follow(lo, zone[area + AREA_HEAD_HI]! | 0);
    const i = first + word;
    const p = i & mask;
    const whole = p <= mask - (PAGE_STRUCT_WORDS - 1);
    const page = whole ? pages[i >>> shift]! : this.gather(i);
    const own = whole ? p : 0;
    if (page[own + PAGE_STATE] !== freeHeadState(order)) this.corruptedHead(order, word);
    const nextLo = page[own + PAGE_NEXT_LO]! | 0;
    const nextHi = page[own + PAGE_NEXT_HI]! | 0;
    page[own + PAGE_STATE] = state;
    page[own + PAGE_NEXT_LO] = 0;
    page[own + PAGE_NEXT_HI] = 0;
    if (!whole) this.scatter(i);
    zone[area + AREA_HEAD_LO] = nextLo;
    zone[area + AREA_HEAD_HI] = nextHi;
    if (nextHi !== 0) {
      this.relink(nextLo, nextHi, PAGE_PREV_LO, lo, 0, 0);
    } else {
      zone[this.at + ZONE_NON_EMPTY]! &= ~(1 << order);
    }
    zone[area + AREA_NR_FREE]!--;
    return word;
  }

  /** Removes the block from the list of its order, at any position, and gives it `state`. */
  protected unlink(word: number, order: number, state: number): void {
    const { pages, first, shift, mask } = this;
    const i = first + word;
    const p = i & mask;
    const whole = p <= mask - (PAGE_STRUCT_WORDS - 1);
    const page = whole ? pages[i >>> shift]! : this.gather(i);
    const own = whole ? p : 0;
    const nextLo = page[own + PAGE_NEXT_LO]! | 0;
    const nextHi = page[own + PAGE_NEXT_HI]! | 0;
    const prevLo = page[own + PAGE_PREV_LO]! | 0;
    const prevHi = page[own + PAGE_PREV_HI]! | 0;
    if (prevHi === 0) {
      if (this.pop(order, state) !== word) this.corruptedHead(order, word);
      return;
    }
    page[own + PAGE_STATE] = state;
    page[own + PAGE_NEXT_LO] = 0;
    page[own + PAGE_NEXT_HI] = 0;
    page[own + PAGE_PREV_LO] = 0;
    page[own + PAGE_PREV_HI] = 0;
    if (!whole) this.scatter(i);
    const lo = (this.mapLo + (word << 2)) | 0;
    this.relink(prevLo, prevHi, PAGE_NEXT_LO, lo, nextLo, nextHi);
    if (nextHi !== 0) this.relink(nextLo, nextHi, PAGE_PREV_LO, lo, prevLo, prevHi);
    const area = this.at + ZONE_FREE_AREA + order * FREE_AREA_WORDS;
    this.zone[area + AREA_NR_FREE]!--;
  }

  /**
   * Changes link `field` of a neighbour. It must point at the block with address `...lo` before:
   * the last check before a write.
   */
  private relink(atLo: number, atHi: number, field: number, lo: number, toLo: number, toHi: number): void {
    const { pages, shift, mask } = this;
    const i = this.first + this.follow(atLo, atHi) + field;
    // Links are 8-aligned, so both halves are in the same piece.
    const page = pages[i >>> shift]!;
    const p = i & mask;
    if ((page[p]! | 0) !== lo) this.corruptedLink(atLo, atHi);
    page[p] = toLo;
    page[p + 1] = toHi;
  }

  // 24 does not divide the size of a piece, so now and then a descriptor lies in two. Its words
  // then take the way through six words of scratch, inside one function and never longer.

  private gather(i: number): Uint32Array {
    for (let word = 0; word < PAGE_STRUCT_WORDS; word++) {
      this.scratch[word] = read(this.pages, this.shift, this.mask, i + word);
    }
    return this.scratch;
  }

  private scatter(i: number): void {
    for (let word = 0; word < PAGE_STRUCT_WORDS; word++) {
      write(this.pages, this.shift, this.mask, i + word, this.scratch[word]!);
    }
  }

  /**
   * Word number of a descriptor, from the low half of its address: the descriptors of a section
   * take less than 2^32 bytes.
   */
  private follow(lo: number, hi: number): number {
    const word = (lo - this.mapLo) >>> 2;
    if (word >= this.mapWords || this.linkHi(lo) !== hi) this.corruptedLink(lo, hi);
    return word;
  }

  /** High half of a descriptor's address: that of the array, or one more where `lo` has wrapped. */
  private linkHi(lo: number): number {
    return this.mapHi + (lo >>> 0 < this.mapLo >>> 0 ? 1 : 0);
  }

  private frameOf(lo: number, hi: number): number {
    return hi === 0 && lo === 0 ? NONE : Math.floor(this.follow(lo | 0, hi | 0) / PAGE_STRUCT_WORDS) + this.startRel;
  }

  private area(order: number): number {
    return this.at + ZONE_FREE_AREA + order * FREE_AREA_WORDS;
  }

  protected word(rel: number): number {
    return (rel - this.startRel) * PAGE_STRUCT_WORDS;
  }

  private load(word: number): number {
    return read(this.pages, this.shift, this.mask, this.first + word);
  }

  protected store(word: number, value: number): void {
    write(this.pages, this.shift, this.mask, this.first + word, value);
  }

  private store64(word: number, value: bigint): void {
    this.zone[this.at + word] = Number(BigInt.asUintN(32, value));
    this.zone[this.at + word + 1] = Number(value >> 32n);
  }

  private corruptedHead(order: number, word: number): never {
    const frame = this.originPfn + this.startRel + Math.floor(word / PAGE_STRUCT_WORDS);
    throw new KernelPanic(
      'The head of a free list is not a free block',
      `order ${order}, zone at frame ${hex(this.startPfn)}: frame ${hex(frame)} has state ${hex(this.load(word) >>> 0, 8)}`,
    );
  }

  private corruptedLink(lo: number, hi: number): never {
    throw new KernelPanic(
      'A link between free blocks is corrupted',
      `zone at frame ${hex(this.startPfn)}: ${hex((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0))} is not the struct Page of a neighbour`,
    );
  }
}

// Not methods, and this small, so that V8 always inlines them: they are most of what the allocator
// does. The word is signed, which keeps the halves of an address in small integers.

/** Word `i` of the pieces. */
export function read(pages: readonly Uint32Array[], shift: number, mask: number, i: number): number {
  return pages[i >>> shift]![i & mask]! | 0;
}

/** Sets word `i` of the pieces. */
export function write(pages: readonly Uint32Array[], shift: number, mask: number, i: number, value: number): void {
  pages[i >>> shift]![i & mask] = value;
}
