// SPDX-License-Identifier: GPL-2.0-only
/**
 * The buddy allocator: blocks, merging, ranges, exact runs, and that its state is where it should
 * be.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type PhysAddr, physAddr, virtAddr } from '#common/address.ts';
import { includes } from '#common/range.ts';
import { Buddy, coveringOrder } from './buddy.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { MemMap, placeMemMap } from './mem-map.ts';
import { MAX_ORDER, PageFlag } from './page.ts';
import { fakeMachine, fakeMemblock, GIB, MIB, PIXEL6_BANKS } from './testing/fake-machine.ts';
import { run, steps } from './testing/random-trace.ts';

const P = PAGE_SIZE;

/** Unaligned banks; the first starts above its naturally aligned origin. */
const RAGGED = [
  { base: 0x8030_3000, size: 9 * MIB + 0x5000 },
  { base: 0x8_8000_0000, size: 16 * MIB },
];
const HOLES = [
  { base: 0x8040_0000, size: 0x7000 },
  { base: 0x8_8020_1000, size: 0x1000 },
];

describe('a new allocator', () => {
  it('manages exactly what memblock calls free, in blocks as large as alignment allows', () => {
    const { buddy, memblock } = fakeMachine(PIXEL6_BANKS);
    const { totalFrames, freeFrames } = buddy.counts();
    expect(totalFrames).toBe(memblock.totals().free / P);
    expect(freeFrames).toBe(totalFrames);
    // 2 GiB from 48 MiB up: 16 + 64 + 128 + 256 + 512 + 1024 MiB; the high bank: 6 GiB from 34 GiB
    // up, as 2 GiB and 4 GiB.
    expect(buddy.buddyinfo()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1, 1, 1, 1, 1, 1, 1]);
    expect(buddy.validate()).toEqual([]);
  });

  it('hands out the lowest bank first, and all of RAM in the end', () => {
    const { buddy } = fakeMachine([
      { base: GIB, size: 8 * MIB },
      { base: 4 * GIB, size: 8 * MIB },
    ]);
    const { totalFrames } = buddy.counts();
    const seen: number[] = [];
    for (let frame = buddy.allocFrame(); frame !== null; frame = buddy.allocFrame()) seen.push(frame);
    expect(seen).toHaveLength(totalFrames);
    expect(new Set(seen).size).toBe(totalFrames);
    expect(seen.findIndex((frame) => frame >= 4 * GIB)).toBe(seen.filter((frame) => frame < 4 * GIB).length);
    expect(buddy.validate()).toEqual([]);
  });
});

describe('orders', () => {
  it.each([0, 1, 9, 11, 18])('a block of order %d is aligned to its size, and merges back', (order) => {
    const { buddy } = fakeMachine([{ base: GIB, size: 3 * GIB }]);
    const before = buddy.buddyinfo();
    const block = buddy.allocFrames(order)!;
    expect(block % (P * 2 ** order)).toBe(0);
    expect(buddy.frameState(block)).toMatchObject({ kind: 'allocated', head: block, order, refcount: 1 });
    buddy.freeFrames(block, order);
    expect(buddy.buddyinfo()).toEqual(before);
    expect(buddy.validate()).toEqual([]);
  });

  it('goes up to 20, 4 GiB, where a bank holds an aligned one', () => {
    const { buddy } = fakeMachine(PIXEL6_BANKS);
    expect(buddy.allocFrames(MAX_ORDER)).toBe(0x9_0000_0000);
    expect(buddy.allocFrames(MAX_ORDER)).toBeNull();
    expect(buddy.allocFrames(MAX_ORDER + 1)).toBeNull();
  });

  it('is null, not a panic, when memory is exhausted', () => {
    const { buddy } = fakeMachine([{ base: GIB, size: MIB }]);
    while (buddy.allocFrame() !== null);
    expect(buddy.allocFrame()).toBeNull();
    expect(buddy.allocExact(1)).toBeNull();
    expect(buddy.counts().freeFrames).toBe(0);
    expect(buddy.validate()).toEqual([]);
  });
});

describe('every frame says what it is', () => {
  it('after a split: head, tails and the free upper halves', () => {
    const { buddy, memory, map } = fakeMachine([{ base: GIB, size: 16 * MIB }], [{ base: GIB, size: 8 * MIB }]);
    const block = buddy.allocFrames(3)!;
    for (let i = 0; i < 8; i++) {
      const state = buddy.frameState(physAddr(block + i * P + 5));
      expect(state).toMatchObject({ kind: 'allocated', frame: block + i * P, head: block, order: 3, refcount: 1 });
      expect(state.flags).toBe(i === 0 ? PageFlag.HEAD | PageFlag.ALLOCATED : PageFlag.TAIL);
    }
    // mem_map takes 24 frames, so the block was all of order 3, and after it lies one of order 5.
    expect(buddy.frameState(physAddr(block + 8 * P))).toMatchObject({ kind: 'free', head: block + 8 * P, order: 5 });
    expect(buddy.frameState(physAddr(GIB))).toMatchObject({ kind: 'reserved', order: 0 });
    expect(buddy.frameState(map.base)).toMatchObject({ kind: 'reserved' });
    expect(buddy.frameState(physAddr(GIB - P))).toMatchObject({ kind: 'outside-ram', zone: null });
    // As a memory dump shows it: flags 0x0a, order 3, refcount 1.
    expect(memory.read32(map.pfnToPage(block / P)!)).toBe(0x0001_030a);
  });

  it('links free blocks by the virtual addresses of their descriptors', () => {
    const { buddy, memory, map } = fakeMachine([{ base: GIB, size: 16 * MIB }]);
    const [a, b, c] = [buddy.allocFrame()!, buddy.allocFrame()!, buddy.allocFrame()!];
    buddy.allocFrame();
    expect([b - a, c - a]).toEqual([P, 2 * P]);
    buddy.freeFrame(a);
    buddy.freeFrame(c);
    const page = (pa: PhysAddr) => map.pfnToPage(pa / P)!;
    expect(memory.read64(virtAddr(page(c) + 8n))).toBe(page(a));
    expect(memory.read64(virtAddr(page(a) + 16n))).toBe(page(c));
    expect(memory.read64(virtAddr(page(c) + 16n))).toBe(0n);
  });

  it('links across the place where the low half of an address wraps around', () => {
    // mem_map lies across 4 GiB: its descriptors differ in the high half of their addresses.
    const bank = { base: 2 * GIB, size: 4 * GIB };
    const { buddy, map } = fakeMachine([bank], [{ base: 2 * GIB + 16 * MIB, size: 2 * GIB - 22 * MIB }]);
    expect([map.base < 4 * GIB, map.base + map.bytes > 4 * GIB]).toEqual([true, true]);
    const before = buddy.buddyinfo();
    const blocks: PhysAddr[] = [];
    for (let block = buddy.allocFrames(9); block !== null; block = buddy.allocFrames(9)) blocks.push(block);
    const [even, odd] = [0, 1].map((parity) => blocks.filter((block) => (block / (P * 512)) % 2 === parity)) as [
      PhysAddr[],
      PhysAddr[],
    ];
    // One list from both sides of the wrap.
    even.forEach((block) => buddy.freeFrames(block, 9));
    expect(buddy.buddyinfo()[9]).toBe(even.length);
    expect(buddy.validate()).toEqual([]);
    odd.forEach((block) => buddy.freeFrames(block, 9));
    expect(buddy.buddyinfo()).toEqual(before);
    expect(buddy.validate()).toEqual([]);
  });
});

describe('ranges', () => {
  it('may come in two steps, in any order, and merge where they meet', () => {
    const whole = fakeMachine([{ base: GIB, size: GIB }]).buddy.buddyinfo();
    for (const swap of [false, true]) {
      const { memory, bss, memblock } = fakeMemblock([{ base: GIB, size: GIB }]);
      const map = new MemMap(memory, placeMemMap(memblock));
      map.initialise();
      const buddy = new Buddy(memory, bss, map);
      const start = map.base + map.bytes;
      const cut = GIB + 0x1234_5000;
      const parts = [
        [start, cut],
        [cut, 2 * GIB],
      ] as const;
      for (const [from, to] of swap ? [...parts].reverse() : parts) {
        buddy.addRange(physAddr(from), physAddr(to));
        expect(buddy.validate()).toEqual([]);
      }
      expect(buddy.buddyinfo()).toEqual(whole);
    }
  });

  it('gives frames from the first step before the second is there', () => {
    const { memory, bss, memblock } = fakeMemblock([{ base: GIB, size: GIB }]);
    const map = new MemMap(memory, placeMemMap(memblock));
    map.initialise();
    const buddy = new Buddy(memory, bss, map);
    buddy.addRange(physAddr(GIB + 16 * MIB), physAddr(GIB + 18 * MIB));
    const table = buddy.allocFrame()!;
    buddy.addRange(physAddr(GIB + 18 * MIB), physAddr(2 * GIB));
    buddy.freeFrame(table);
    expect(buddy.validate()).toEqual([]);
    expect(buddy.buddyinfo()[9]).toBe(0);
  });

  it('touch no memory but mem_map, .bss and nothing of the frames themselves', () => {
    const { memory, bss, memblock } = fakeMemblock([{ base: GIB, size: GIB }]);
    const placement = placeMemMap(memblock);
    const bssPa = Number(bss.base - physToVirt(physAddr(0)));
    memory.map([
      { base: placement.base, size: placement.bytes },
      { base: bssPa, size: bss.bytes },
    ]);
    const map = new MemMap(memory, placement);
    map.initialise();
    const buddy = new Buddy(memory, bss, map);
    buddy.addRange(physAddr(GIB + 16 * MIB), physAddr(2 * GIB));
    buddy.freeFrame(buddy.allocFrame()!);
    expect(buddy.validate()).toEqual([]);
  });

  it.each([
    ['given twice', GIB + 64 * MIB, GIB + 65 * MIB, 'Memory range was given to the buddy allocator twice'],
    ['outside RAM', 3 * GIB, 3 * GIB + P, 'Memory range for the buddy allocator is outside RAM'],
    ['half a page', GIB + 1, GIB + P, 'Memory range for the buddy allocator is not whole pages'],
  ])('%s: a panic', (_, start, end, reason) => {
    const { buddy } = fakeMachine([{ base: GIB, size: GIB }]);
    expect(() => buddy.addRange(physAddr(start), physAddr(end))).toThrow(`PANIC: ${reason}`);
  });
});

describe('more zones than .bss holds', () => {
  it('asks for a place and works there', () => {
    const banks = [...Array(40).keys()].map((i) => ({ base: GIB + i * 4 * MIB, size: 2 * MIB }));
    const { buddy, memblock } = fakeMachine(banks);
    expect(buddy.validate()).toEqual([]);
    expect(buddy.counts().totalFrames * P).toBe(memblock.totals().free);
  });

  it('panics when it gets none', () => {
    const banks = [...Array(40).keys()].map((i) => ({ base: GIB + i * 4 * MIB, size: 2 * MIB }));
    const { memory, bss, memblock } = fakeMemblock(banks);
    const map = new MemMap(memory, placeMemMap(memblock));
    expect(() => new Buddy(memory, bss, map)).toThrow('PANIC: No place for the zone structs');
  });
});

describe('allocExact', () => {
  it.each([1, 2, 3, 5, 1000, 6144, 7169])('%d frames: no more than that is taken, and all comes back', (frames) => {
    const { buddy } = fakeMachine([{ base: GIB, size: GIB }]);
    const before = buddy.buddyinfo();
    const { freeFrames } = buddy.counts();
    const run = buddy.allocExact(frames * P)!;
    expect(buddy.counts().freeFrames).toBe(freeFrames - frames);
    expect(buddy.validate()).toEqual([]);
    expect(run % (P * 2 ** coveringOrder(frames))).toBe(0);
    expect(buddy.frameState(physAddr(run + (frames - 1) * P)).kind).toBe('allocated');
    expect(buddy.frameState(physAddr(run + frames * P)).kind).toBe('free');
    buddy.freeExact(run, frames * P);
    expect(buddy.buddyinfo()).toEqual(before);
    expect(buddy.validate()).toEqual([]);
  });

  it('got wrong in LevitateOS: 24 MiB and 48 MiB heaps are covered, not shortened', () => {
    const { buddy } = fakeMachine([{ base: GIB, size: GIB }]);
    for (const mib of [24, 48]) {
      const { freeFrames } = buddy.counts();
      expect(buddy.allocExact(mib * MIB)).not.toBeNull();
      expect(freeFrames - buddy.counts().freeFrames).toBe((mib * MIB) / P);
    }
  });

  it('is null above 4 GiB', () => {
    expect(fakeMachine(PIXEL6_BANKS).buddy.allocExact(4 * GIB + 1)).toBeNull();
  });
});

describe('any history', () => {
  // Pieces of 4 KiB and 16 KiB make every few descriptors straddle two of them.
  it.each([12, 14, 24])('keeps every invariant, with pieces of 2^%d bytes', (chunkShift) => {
    const { buddy, memblock } = fakeMachine(RAGGED, HOLES, chunkShift);
    const free = [...memblock.freeRanges()];
    const managed = (frame: number) => free.some((range) => includes(range, frame * P));
    const before = buddy.buddyinfo();
    expect(buddy.validate()).toEqual([]);
    fc.assert(
      fc.property(steps, (trace) => {
        let step = 0;
        run(buddy, trace, managed, () => {
          if (step++ % 8 === 0) expect(buddy.validate()).toEqual([]);
        });
        expect(buddy.validate()).toEqual([]);
        expect(buddy.buddyinfo()).toEqual(before);
      }),
      { numRuns: 25 },
    );
  });

  it('every frame out and back in any order restores the same blocks', () => {
    const { buddy } = fakeMachine([{ base: 0x8010_0000, size: 8 * MIB }]);
    const before = buddy.buddyinfo();
    const { totalFrames } = buddy.counts();
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (stream) => {
        const frames: PhysAddr[] = [];
        for (let frame = buddy.allocFrame(); frame !== null; frame = buddy.allocFrame()) frames.push(frame);
        expect(frames).toHaveLength(totalFrames);
        for (const pick of stream) {
          const [frame] = frames.splice(pick % frames.length, 1);
          buddy.freeFrame(frame!);
          if (frames.length === 0) break;
        }
        expect(buddy.buddyinfo()).toEqual(before);
        expect(buddy.validate()).toEqual([]);
      }),
      { numRuns: 5 },
    );
  });
});
