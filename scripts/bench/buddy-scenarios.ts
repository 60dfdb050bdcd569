// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scenarios of `npm run bench` for the buddy allocator, and the physical limit to compare with: the
 * same algorithm on plain typed arrays, with frame numbers for links, no emulated RAM, no lock and
 * no check. A scenario only measures; the bench builds the allocators and prints.
 *
 * All times are host nanoseconds for one operation (an alloc and its free count as one pair),
 * except where a name says Ms.
 */

import { performance } from 'node:perf_hooks';
import { PAGE_SIZE, type PhysAddr, physAddr } from '#common/address.ts';
import { MAX_ORDER } from '#kernel-ts/kernel/mm/page.ts';

/** The interface that a scenario uses: {@link PlainBuddy} and the kernel's Buddy both have it. */
export interface FrameAllocator {
  allocFrames(order: number): PhysAddr | null;
  freeFrames(frame: PhysAddr, order: number): void;
  /** Free blocks of each order. */
  buddyinfo(): number[];
}

/**
 * One alloc + free pair where a block of the order is at hand and its buddy is in use: no split, no
 * merge. The allocator is left as it was.
 */
export function steadyPairNs(allocator: FrameAllocator, order: number, pairs: number): number {
  const first = take(allocator, order);
  const second = take(allocator, order);
  allocator.freeFrames(first, order);
  const elapsed = time(() => runPairs(allocator, order, pairs));
  allocator.freeFrames(second, order);
  return elapsed / pairs;
}

/**
 * One alloc + free pair of `order` when only blocks of the top order are free: every level is split
 * and merged again. The allocator is left as it was.
 */
export function worstPairNs(allocator: FrameAllocator, order: number, pairs: number): number {
  const aside: { frame: PhysAddr; order: number }[] = [];
  for (const [level, blocks] of allocator.buddyinfo().slice(0, MAX_ORDER).entries()) {
    for (let i = 0; i < blocks; i++) aside.push({ frame: take(allocator, level), order: level });
  }
  const elapsed = time(() => runPairs(allocator, order, pairs));
  for (const { frame, order } of aside.reverse()) allocator.freeFrames(frame, order);
  return elapsed / pairs;
}

/**
 * One alloc or free where blocks of orders 0 to 9 come and go at random: half of the allocations
 * are of order 0, a quarter of order 1, and so on. Some 2,000 blocks are in use at any time. The
 * allocator is left as it was.
 */
export function mixedNs(allocator: FrameAllocator, seed: number, operations: number): number {
  const frames = new Float64Array(MIXED_SLOTS).fill(-1);
  const orders = new Uint8Array(MIXED_SLOTS);
  const random = xorshift(seed);
  const elapsed = time(() => {
    for (let i = 0; i < operations; i++) {
      const number = random();
      const slot = number % MIXED_SLOTS;
      if (frames[slot]! >= 0) {
        allocator.freeFrames(frames[slot] as PhysAddr, orders[slot]!);
        frames[slot] = -1;
      } else {
        const order = Math.min(MIXED_LARGEST_ORDER, Math.clz32(number));
        frames[slot] = take(allocator, order);
        orders[slot] = order;
      }
    }
  });
  for (let slot = 0; slot < MIXED_SLOTS; slot++) {
    if (frames[slot]! >= 0) allocator.freeFrames(frames[slot] as PhysAddr, orders[slot]!);
  }
  return elapsed / operations;
}

const MIXED_SLOTS = 4096;
const MIXED_LARGEST_ORDER = 9;

/** Result of {@link drainAndRefill}. */
export interface DrainResult {
  readonly frames: number;
  readonly allocNs: number;
  readonly freeNs: number;
  /** Free blocks of each order are what they were. */
  readonly restored: boolean;
}

/** Takes every frame one by one, then frees them in an order shuffled from `seed`. */
export function drainAndRefill(allocator: FrameAllocator, seed: number): DrainResult {
  const before = allocator.buddyinfo();
  const total = before.reduce((sum, blocks, order) => sum + blocks * 2 ** order, 0);
  const frames = new Float64Array(total);
  const allocNs = time(() => {
    for (let i = 0; i < total; i++) frames[i] = take(allocator, 0);
  });
  const exhausted = allocator.allocFrames(0) === null;
  shuffle(frames, seed);
  const freeNs = time(() => {
    for (let i = 0; i < total; i++) allocator.freeFrames(frames[i] as PhysAddr, 0);
  });
  const after = allocator.buddyinfo();
  const restored = exhausted && after.every((blocks, order) => blocks === before[order]);
  return { frames: total, allocNs: allocNs / total, freeNs: freeNs / total, restored };
}

/** Result of {@link fragment}. */
export interface FragmentResult {
  readonly totalMs: number;
  readonly operations: number;
  /** 64 KiB blocks obtained after both groups were freed: all of them when merging works. */
  readonly largeBlocks: number;
}

/**
 * `bytes` taken as 8 KiB blocks, freed in two interleaved groups, then all of it taken again as 64
 * KiB blocks. Leaves everything free.
 */
export function fragment(allocator: FrameAllocator, bytes: number): FragmentResult {
  const small = bytes / (2 * PAGE_SIZE);
  const large = bytes / (16 * PAGE_SIZE);
  const blocks = new Float64Array(small);
  const taken = new Float64Array(large);
  let largeBlocks = 0;
  const elapsed = time(() => {
    for (let i = 0; i < small; i++) blocks[i] = take(allocator, 1);
    for (let i = 0; i < small; i += 2) allocator.freeFrames(blocks[i] as PhysAddr, 1);
    for (let i = 1; i < small; i += 2) allocator.freeFrames(blocks[i] as PhysAddr, 1);
    for (
      let block = allocator.allocFrames(4);
      block !== null && largeBlocks < large;
      block = allocator.allocFrames(4)
    ) {
      taken[largeBlocks++] = block;
      if (largeBlocks === large) break;
    }
  });
  for (let i = 0; i < largeBlocks; i++) allocator.freeFrames(taken[i] as PhysAddr, 4);
  return { totalMs: elapsed / 1e6, operations: 2 * small + large, largeBlocks };
}

/** A buddy allocator on plain typed arrays over [0, frames): the physical limit. */
export class PlainBuddy implements FrameAllocator {
  private readonly frames: number;
  /** 0 inside a block, 0x80 + order at a free head, 0x40 + order at an allocated one. */
  private readonly state: Uint8Array;
  private readonly next: Int32Array;
  private readonly prev: Int32Array;
  private readonly heads = new Int32Array(MAX_ORDER + 1).fill(-1);
  private readonly counts = new Int32Array(MAX_ORDER + 1);
  private nonEmpty = 0;

  /** All of `frames` frames are free. */
  constructor(frames: number) {
    this.frames = frames;
    this.state = new Uint8Array(frames);
    this.next = new Int32Array(frames).fill(-1);
    this.prev = new Int32Array(frames).fill(-1);
    for (let end = frames; end > 0; ) {
      const order = Math.min(MAX_ORDER, 31 - Math.clz32(end & -end));
      end -= 1 << order;
      this.push(end, order);
    }
  }

  allocFrames(order: number): PhysAddr | null {
    const candidates = this.nonEmpty >>> order;
    if (candidates === 0) return null;
    let level = order + 31 - Math.clz32(candidates & -candidates);
    const frame = this.heads[level]!;
    this.unlink(frame, level);
    while (level > order) {
      level--;
      this.push(frame + (1 << level), level);
    }
    this.state[frame] = 0x40 | order;
    return physAddr(frame * PAGE_SIZE);
  }

  freeFrames(address: PhysAddr, order: number): void {
    let frame = address / PAGE_SIZE;
    let level = order;
    for (; level < MAX_ORDER; level++) {
      const buddy = frame ^ (1 << level);
      if (buddy >= this.frames || this.state[buddy] !== (0x80 | level)) break;
      this.unlink(buddy, level);
      this.state[Math.max(frame, buddy)] = 0;
      frame = Math.min(frame, buddy);
    }
    this.push(frame, level);
  }

  buddyinfo(): number[] {
    return [...this.counts];
  }

  private push(frame: number, order: number): void {
    const head = this.heads[order]!;
    this.state[frame] = 0x80 | order;
    this.next[frame] = head;
    this.prev[frame] = -1;
    if (head >= 0) this.prev[head] = frame;
    this.heads[order] = frame;
    this.counts[order]!++;
    this.nonEmpty |= 1 << order;
  }

  private unlink(frame: number, order: number): void {
    const next = this.next[frame]!;
    const prev = this.prev[frame]!;
    if (next >= 0) this.prev[next] = prev;
    if (prev >= 0) {
      this.next[prev] = next;
    } else {
      this.heads[order] = next;
      if (next < 0) this.nonEmpty &= ~(1 << order);
    }
    this.counts[order]!--;
  }
}

function runPairs(allocator: FrameAllocator, order: number, pairs: number): void {
  for (let i = 0; i < pairs; i++) allocator.freeFrames(take(allocator, order), order);
}

function take(allocator: FrameAllocator, order: number): PhysAddr {
  const frame = allocator.allocFrames(order);
  if (frame === null) throw new Error(`the bench ran out of blocks of order ${order}`);
  return frame;
}

/** Host time of `work` in nanoseconds. */
export function time(work: () => void): number {
  const start = performance.now();
  work();
  return (performance.now() - start) * 1e6;
}

/** Fisher–Yates: the same order for the same seed on every host. */
function shuffle(values: Float64Array, seed: number): void {
  const random = xorshift(seed);
  for (let i = values.length - 1; i > 0; i--) {
    const j = random() % (i + 1);
    const swap = values[i]!;
    values[i] = values[j]!;
    values[j] = swap;
  }
}

/**
 * Numbers from 1 to 2^32 - 1 (Marsaglia, "Xorshift RNGs", Journal of Statistical Software 8(14),
 * 2003, shifts 13, 17, 5).
 */
export function xorshift(seed: number): () => number {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
