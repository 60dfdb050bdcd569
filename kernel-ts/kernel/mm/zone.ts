/**
 * A zone: the binary buddy system of one section of mem_map (Knuth, TAOCP volume 1, 2.5, "buddy system"). It moves blocks between free lists and
 * allocations and trusts its caller: locking, choosing the zone and refusing bad requests are buddy.ts's.
 *
 * A frame is known here by its number relative to `originPfn`, which is a multiple of 2^20 frames: natural alignment of the relative number
 * is that of the absolute one for every order, and it fits JavaScript's 32-bit operators, which a physical address does not.
 *
 * ```
 * originPfn (k * 4 GiB)      startPfn                      endPfn
 *     |  - - not RAM - - - - - |=============================|
 * rel 0                      startRel                      endRel            word = (rel - startRel) * 6
 * ```
 *
 * Invariants (recounted by buddy-check.ts): a free block of order k starts at a multiple of 2^k; the buddy of a free block below the top
 * order is not free at the same order; list lengths, non_empty and free agree with the descriptors.
 */

import { alignDown, hex, type VirtAddr } from '../../../emulator/address.ts';
import type { MemoryPort, MemoryWindow } from '../../hal/ports.ts';
import { KernelPanic } from '../panic.ts';
import type { Section } from './mem-map.ts';
import {
  allocatedHeadState,
  freeHeadState,
  MAX_BLOCK_FRAMES,
  MAX_ORDER,
  PAGE_STRUCT_WORDS,
  PageFlag,
  PageWord,
  TAIL_STATE,
} from './page.ts';
import { AREA_HEAD_HI, AREA_HEAD_LO, AREA_NR_FREE, FREE_AREA_WORDS, ZONE_BYTES, ZoneWord } from './zone-layout.ts';

/** No block: the result of {@link Zone.take} and the end of a list. */
export const NONE = -1;

/** Port accesses charged for one list operation with its state change, and for an operation's fixed part (lock, counters). */
const ACCESSES_PER_LEVEL = 6;
const ACCESSES_PER_OPERATION = 8;

const LAST_WORD = PAGE_STRUCT_WORDS - 1;
const { STATE, PAD, NEXT_LO, NEXT_HI, PREV_LO, PREV_HI } = PageWord;
const { NON_EMPTY, MANAGED, FREE, FREE_AREA } = ZoneWord;

/** Handle on a struct Zone and its descriptors. */
export class Zone {
  readonly va: VirtAddr;
  readonly startPfn: number;
  readonly endPfn: number;
  readonly originPfn: number;
  readonly startRel: number;
  readonly endRel: number;

  private readonly mapWindow: MemoryWindow;
  private readonly zoneWindow: MemoryWindow;
  private readonly mapLo: number;
  private readonly mapHi: number;
  private readonly mapWords: number;

  // What the last open() found: valid until the path that called it returns to the CPU.
  private pages: readonly Uint32Array[] = [];
  private first = 0;
  private shift = 0;
  private mask = 0;
  private zone: Uint32Array = new Uint32Array(0);
  private zoneFirst = 0;
  private at = 0;
  private readonly scratch = new Uint32Array(PAGE_STRUCT_WORDS);

  /** @param va address of the struct, 512-aligned. @throws SynchronousAbort when it or the section is not mapped */
  constructor(memory: MemoryPort, va: VirtAddr, section: Section) {
    this.va = va;
    this.startPfn = section.startPfn;
    this.endPfn = section.endPfn;
    this.originPfn = alignDown(section.startPfn, MAX_BLOCK_FRAMES);
    this.startRel = section.startPfn - this.originPfn;
    this.endRel = section.endPfn - this.originPfn;
    this.mapWindow = section.window;
    this.zoneWindow = memory.window(va, ZONE_BYTES);
    this.mapLo = Number(BigInt.asIntN(32, section.va));
    this.mapHi = Number(BigInt.asIntN(32, section.va >> 32n));
    this.mapWords = section.window.words;
  }

  /** Writes the struct of a zone that manages nothing yet. */
  initialise(map: VirtAddr): void {
    this.open();
    this.zone.fill(0, this.at, this.at + ZONE_BYTES / 4);
    this.store64(ZoneWord.START_PFN, BigInt(this.startPfn));
    this.store64(ZoneWord.END_PFN, BigInt(this.endPfn));
    this.store64(ZoneWord.ORIGIN_PFN, BigInt(this.originPfn));
    this.store64(ZoneWord.MAP, map);
  }

  /** Checks the translation again and looks up the pieces: first thing on every path. */
  open(): void {
    const map = this.mapWindow;
    const zone = this.zoneWindow;
    const pages = map.sync();
    const piece = zone.sync()[zone.first >>> zone.shift]!;
    if (pages !== this.pages || piece !== this.zone || map.first !== this.first || zone.first !== this.zoneFirst) {
      this.pages = pages;
      this.first = map.first;
      this.shift = map.shift;
      this.mask = 2 ** map.shift - 1;
      this.zone = piece;
      this.zoneFirst = zone.first;
      this.at = zone.first % 2 ** zone.shift;
    }
  }

  get managedFrames(): number {
    return this.zone[this.at + MANAGED]!;
  }

  get freeFrames(): number {
    return this.zone[this.at + FREE]!;
  }

  /** Bit k is set when a block of order k is free. */
  get nonEmpty(): number {
    return this.zone[this.at + NON_EMPTY]!;
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
    return this.frameOf(this.load(word + NEXT_LO), this.load(word + NEXT_HI));
  }

  /** Previous block in the list of `rel`, or NONE. */
  prev(rel: number): number {
    const word = this.word(rel);
    return this.frameOf(this.load(word + PREV_LO), this.load(word + PREV_HI));
  }

  /** State word of frame `rel`. */
  state(rel: number): number {
    return this.load(this.word(rel));
  }

  /** True when next, prev and padding of frame `rel` are zero. */
  unlinked(rel: number): boolean {
    const word = this.word(rel);
    for (let i: number = PAD; i <= PREV_HI; i++) {
      if (this.load(word + i) !== 0) {
        return false;
      }
    }
    return true;
  }

  /**
   * Takes the first block of the smallest order that is at least `order`, and splits it: the lower half is kept, upper halves go to their
   * lists. O(MAX_ORDER - order). @returns the block, or NONE
   */
  take(order: number, extra = 0): number {
    const zone = this.zone;
    const at = this.at;
    const candidates = zone[at + NON_EMPTY]! >>> order;
    if (candidates === 0) {
      return NONE;
    }
    let level = order + 31 - Math.clz32(candidates & -candidates);
    this.mapWindow.charge(ACCESSES_PER_OPERATION + ACCESSES_PER_LEVEL * (level - order + 1));
    const word = this.pop(level, allocatedHeadState(order, extra));
    while (level > order) {
      level--;
      this.push(word + (PAGE_STRUCT_WORDS << level), level);
    }
    zone[at + FREE]! -= 1 << order;
    return ((word / PAGE_STRUCT_WORDS) | 0) + this.startRel;
  }

  /**
   * Frees the block, merging with its buddy as long as that is free at the same order. The absorbed half becomes a TAIL with nothing left in
   * it: a stale FREE there would be merged a second time. O(MAX_ORDER - order).
   */
  give(rel: number, order: number): void {
    const { pages, first, shift, mask, startRel, endRel } = this;
    let block = rel;
    let level = order;
    while (level < MAX_ORDER) {
      const size = 1 << level;
      const buddy = block ^ size;
      if (buddy < startRel || buddy + size > endRel) {
        break;
      }
      const word = (buddy - startRel) * PAGE_STRUCT_WORDS;
      if (read(pages, shift, mask, first + word) !== freeHeadState(level)) {
        break;
      }
      // The buddy leaves its list as a TAIL, which it stays if it is the upper half.
      this.unlink(word, level, TAIL_STATE);
      const upper = ((block | size) - startRel) * PAGE_STRUCT_WORDS;
      write(pages, shift, mask, first + upper, TAIL_STATE);
      block &= ~size;
      level++;
    }
    this.push((block - startRel) * PAGE_STRUCT_WORDS, level);
    this.zone[this.at + FREE]! += 1 << order;
    this.mapWindow.charge(ACCESSES_PER_OPERATION + ACCESSES_PER_LEVEL * (level - order + 1));
  }

  /**
   * Takes `frames` frames that follow each other: a block of the order that covers them, kept as a row of blocks, largest first, with the rest
   * given back. The rest cannot merge, because each of its blocks has its buddy in the row. O(MAX_ORDER). @returns the first frame, or NONE
   */
  takeExact(frames: number, order: number): number {
    const rel = this.take(order, PageFlag.EXACT);
    if (rel === NONE || frames === 1 << order) {
      return rel;
    }
    let block = rel;
    let left = frames;
    for (let level = order - 1; left > 0; level--) {
      const half = 1 << level;
      if (left >= half) {
        this.store(this.word(block), exactState(level, block !== rel));
        block += half;
        left -= half;
        if (left === 0) {
          // The upper half of this level is free as a whole.
          this.push(this.word(block), level);
        }
      } else {
        this.push(this.word(block + half), level);
      }
    }
    this.zone[this.at + FREE]! += (1 << order) - frames;
    return rel;
  }

  /** Makes RESERVED frames part of the zone: TAIL first, then freed as blocks, so that they merge with free neighbours. */
  adopt(fromRel: number, toRel: number): void {
    for (let word = this.word(fromRel), end = this.word(toRel); word < end; word += PAGE_STRUCT_WORDS) {
      this.store(word, TAIL_STATE);
    }
    this.mapWindow.charge(toRel - fromRel);
    this.zone[this.at + MANAGED] = this.managedFrames + (toRel - fromRel);
    // From the end down: lists then start with the lowest block, and low memory is handed out first.
    for (let end = toRel; end > fromRel; ) {
      const alignment = end === 0 ? MAX_ORDER : Math.min(MAX_ORDER, 31 - Math.clz32(end & -end));
      const order = Math.min(alignment, 31 - Math.clz32(end - fromRel));
      end -= 1 << order;
      this.give(end, order);
    }
  }

  // Below, a block is named by the word number of its descriptor: what a link is an address of, without a division.

  /** Makes the block a free head, first in the list of its order. */
  private push(word: number, order: number): void {
    const { pages, first, shift, mask, zone } = this;
    const area = this.at + FREE_AREA + order * FREE_AREA_WORDS;
    const lo = (this.mapLo + (word << 2)) | 0;
    const hi = this.linkHi(lo);
    const headLo = zone[area + AREA_HEAD_LO]! | 0;
    const headHi = zone[area + AREA_HEAD_HI]! | 0;
    const i = first + word;
    const p = i & mask;
    const whole = p <= mask - LAST_WORD;
    const page = whole ? pages[i >>> shift]! : this.scratch;
    const own = whole ? p : 0;
    page[own + STATE] = freeHeadState(order);
    page[own + PAD] = 0;
    page[own + NEXT_LO] = headLo;
    page[own + NEXT_HI] = headHi;
    page[own + PREV_LO] = 0;
    page[own + PREV_HI] = 0;
    if (!whole) {
      this.scatter(i);
    }
    if (headHi !== 0) {
      const head = first + this.follow(headLo, headHi);
      write(pages, shift, mask, head + PREV_LO, lo);
      write(pages, shift, mask, head + PREV_HI, hi);
    }
    zone[area + AREA_HEAD_LO] = lo;
    zone[area + AREA_HEAD_HI] = hi;
    zone[area + AREA_NR_FREE]!++;
    zone[this.at + NON_EMPTY]! |= 1 << order;
  }

  /** Takes the first block of a list that is not empty and gives it `state`. @returns the block */
  private pop(order: number, state: number): number {
    const { pages, first, shift, mask, zone } = this;
    const area = this.at + FREE_AREA + order * FREE_AREA_WORDS;
    const lo = zone[area + AREA_HEAD_LO]! | 0;
    const word = this.follow(lo, zone[area + AREA_HEAD_HI]! | 0);
    const i = first + word;
    const p = i & mask;
    const whole = p <= mask - LAST_WORD;
    const page = whole ? pages[i >>> shift]! : this.gather(i);
    const own = whole ? p : 0;
    if (page[own + STATE] !== freeHeadState(order)) {
      this.corruptedHead(order, word);
    }
    const nextLo = page[own + NEXT_LO]! | 0;
    const nextHi = page[own + NEXT_HI]! | 0;
    page[own + STATE] = state;
    page[own + NEXT_LO] = 0;
    page[own + NEXT_HI] = 0;
    if (!whole) {
      this.scatter(i);
    }
    zone[area + AREA_HEAD_LO] = nextLo;
    zone[area + AREA_HEAD_HI] = nextHi;
    if (nextHi !== 0) {
      this.relink(nextLo, nextHi, PREV_LO, lo, 0, 0);
    } else {
      zone[this.at + NON_EMPTY]! &= ~(1 << order);
    }
    zone[area + AREA_NR_FREE]!--;
    return word;
  }

  /** Takes the block out of the list of its order, wherever in it, and gives it `state`. */
  private unlink(word: number, order: number, state: number): void {
    const { pages, first, shift, mask } = this;
    const i = first + word;
    const p = i & mask;
    const whole = p <= mask - LAST_WORD;
    const page = whole ? pages[i >>> shift]! : this.gather(i);
    const own = whole ? p : 0;
    const nextLo = page[own + NEXT_LO]! | 0;
    const nextHi = page[own + NEXT_HI]! | 0;
    const prevLo = page[own + PREV_LO]! | 0;
    const prevHi = page[own + PREV_HI]! | 0;
    if (prevHi === 0) {
      if (this.pop(order, state) !== word) {
        this.corruptedHead(order, word);
      }
      return;
    }
    page[own + STATE] = state;
    page[own + NEXT_LO] = 0;
    page[own + NEXT_HI] = 0;
    page[own + PREV_LO] = 0;
    page[own + PREV_HI] = 0;
    if (!whole) {
      this.scatter(i);
    }
    const lo = (this.mapLo + (word << 2)) | 0;
    this.relink(prevLo, prevHi, NEXT_LO, lo, nextLo, nextHi);
    if (nextHi !== 0) {
      this.relink(nextLo, nextHi, PREV_LO, lo, prevLo, prevHi);
    }
    const area = this.at + FREE_AREA + order * FREE_AREA_WORDS;
    this.zone[area + AREA_NR_FREE]!--;
  }

  /** Points link `field` of a neighbour elsewhere. It must point at the block with address `...lo` before: the last check before a write. */
  private relink(atLo: number, atHi: number, field: number, lo: number, toLo: number, toHi: number): void {
    const { pages, shift, mask } = this;
    const i = this.first + this.follow(atLo, atHi) + field;
    if (read(pages, shift, mask, i) !== lo) {
      this.corruptedLink(atLo, atHi);
    }
    write(pages, shift, mask, i, toLo);
    write(pages, shift, mask, i + 1, toHi);
  }

  // 24 does not divide the size of a piece, so now and then a descriptor lies in two. Its words then take the way through six words of
  // scratch, inside one function and never longer.

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

  /** Word number behind a descriptor's address. The descriptors of a section take less than 2^32 bytes, so the low half tells it. */
  private follow(lo: number, hi: number): number {
    const word = (lo - this.mapLo) >>> 2;
    if (word >= this.mapWords || this.linkHi(lo) !== hi) {
      this.corruptedLink(lo, hi);
    }
    return word;
  }

  /** High half of a descriptor's address whose low half is `lo`: one more than the array's where the low half wrapped around. */
  private linkHi(lo: number): number {
    return this.mapHi + (lo >>> 0 < this.mapLo >>> 0 ? 1 : 0);
  }

  private frameOf(lo: number, hi: number): number {
    return hi === 0 && lo === 0 ? NONE : Math.floor(this.follow(lo | 0, hi | 0) / PAGE_STRUCT_WORDS) + this.startRel;
  }

  private area(order: number): number {
    return this.at + FREE_AREA + order * FREE_AREA_WORDS;
  }

  private word(rel: number): number {
    return (rel - this.startRel) * PAGE_STRUCT_WORDS;
  }

  private load(word: number): number {
    return read(this.pages, this.shift, this.mask, this.first + word);
  }

  private store(word: number, value: number): void {
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

/** State of a block in an allocation of any number of frames. */
export function exactState(order: number, continued: boolean): number {
  return allocatedHeadState(order, PageFlag.EXACT | (continued ? PageFlag.CONTINUED : 0));
}

// Not methods, and this small, so that V8 always inlines them: they are most of what the allocator does. The word is signed, which keeps the
// halves of an address in small integers.

function read(pages: readonly Uint32Array[], shift: number, mask: number, i: number): number {
  return pages[i >>> shift]![i & mask]! | 0;
}

function write(pages: readonly Uint32Array[], shift: number, mask: number, i: number, value: number): void {
  pages[i >>> shift]![i & mask] = value;
}
