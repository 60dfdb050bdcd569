// SPDX-License-Identifier: GPL-2.0-only
/**
 * Misuse that the buddy allocator refuses, with reason and numbers. It also finds damaged lists.
 */

import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, physAddr, virtAddr } from '#common/address.ts';
import { panicOf } from '#kernel-ts/kernel/testing/panic-of.ts';
import { BadFree } from './bad-free.ts';
import { fakeMachine, GIB, MIB } from './testing/fake-machine.ts';

const P = PAGE_SIZE;
const BANKS = [{ base: GIB, size: 64 * MIB }];
const RESERVED = [{ base: GIB, size: 8 * MIB }];

describe('got wrong in LevitateOS', () => {
  it('an absorbed buddy keeps no FREE flag: an allocated half is never merged', () => {
    const { buddy, map, memory } = fakeMachine(BANKS, RESERVED);
    const lower = buddy.allocFrame()!;
    const upper = buddy.allocFrame()!;
    expect(upper).toBe(lower + P);
    // Free both: upper is absorbed. Then take the pair as one block, and free another block next to
    // it.
    buddy.freeFrame(upper);
    buddy.freeFrame(lower);
    expect(memory.read32(map.pfnToPage(upper / P)!)).toBe(0x10);
    const pair = buddy.allocFrames(1)!;
    expect(pair).toBe(lower);
    const next = buddy.allocFrames(1)!;
    buddy.freeFrames(next, 1);
    expect(buddy.frameState(upper)).toMatchObject({ kind: 'allocated', head: pair });
    expect(buddy.validate()).toEqual([]);
  });

  it('a double free does not return one frame twice', () => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    const frame = buddy.allocFrame()!;
    buddy.allocFrame();
    buddy.freeFrame(frame);
    const panic = panicOf(() => buddy.freeFrame(frame));
    expect(panic.message).toBe('PANIC: Double free of a frame');
    expect(panic.detail).toBe(
      `frame 0x${frame.toString(16)} (pfn 0x${(frame / P).toString(16)}), order 0: head of a free block of order 0 at 0x${frame.toString(16)}`,
    );
  });

  it('a double free is found after the frame merged into a larger block', () => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    buddy.allocFrame();
    const frame = buddy.allocFrame()!;
    buddy.freeFrame(physAddr(frame - P));
    buddy.freeFrame(frame);
    const panic = panicOf(() => buddy.freeFrame(frame));
    expect(panic.reason).toBe(BadFree.DOUBLE_FREE);
    expect(panic.detail).toContain('tail of a free block of order');
  });

  it.each([
    [2, 1],
    [2, 3],
    [0, 20],
  ])('a block of order %d is not accepted at order %d', (allocated, freed) => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    const block = buddy.allocFrames(allocated)!;
    const panic = panicOf(() => buddy.freeFrames(block, freed));
    expect(panic.message).toBe('PANIC: Free with the wrong order');
    expect(panic.detail).toContain(`order ${freed}: head of an allocated block of order ${allocated}`);
  });

  it('a buddy below the start of the bank is not looked for outside it', () => {
    // The first block starts at an odd multiple of its size: its buddy would lie below the bank.
    const banks = [{ base: GIB + MIB, size: 3 * MIB }];
    const { buddy } = fakeMachine([...banks, { base: 4 * GIB, size: 64 * MIB }], [{ base: 4 * GIB, size: MIB }]);
    const before = buddy.buddyinfo();
    const first = [...Array(4).keys()].map(() => buddy.allocFrames(6));
    first.forEach((block) => block !== null && buddy.freeFrames(block, 6));
    expect(buddy.buddyinfo()).toEqual(before);
    expect(buddy.validate()).toEqual([]);
  });

  it('a reservation that is not page-aligned makes no misaligned block', () => {
    const { buddy } = fakeMachine(BANKS, [{ base: GIB + 0x1234, size: 0x2345 }]);
    expect(buddy.validate()).toEqual([]);
    expect(buddy.frameState(physAddr(GIB + 0x1000)).kind).toBe('reserved');
    expect(buddy.frameState(physAddr(GIB + 0x3000)).kind).toBe('reserved');
  });
});

describe('bad frees', () => {
  it.each([
    ['a frame never allocated', GIB, 0, BadFree.NEVER_ALLOCATED, 'RESERVED, never given'],
    ['outside RAM', 2 * GIB, 0, BadFree.OUTSIDE_RAM, 'outside every bank of RAM'],
    ['misaligned', GIB + 8 * MIB + 1, 0, BadFree.MISALIGNED, 'not a multiple of 4096'],
    ['misaligned and outside RAM', 2 * GIB + 1, 0, BadFree.MISALIGNED, 'not a multiple of 4096'],
    ['free from the start', GIB + 32 * MIB, 13, BadFree.DOUBLE_FREE, 'head of a free block of order 13'],
  ])('%s', (_, frame, order, reason, state) => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    const panic = panicOf(() => buddy.freeFrames(physAddr(frame), order));
    expect(panic.reason).toBe(reason);
    expect(panic.detail).toContain(`frame 0x${frame.toString(16)}`);
    expect(panic.detail).toContain(`order ${order}`);
    expect(panic.detail).toContain(state);
  });

  it('the inside of a block', () => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    const block = buddy.allocFrames(4)!;
    const panic = panicOf(() => buddy.freeFrame(physAddr(block + 5 * P)));
    expect(panic.reason).toBe(BadFree.TAIL);
    expect(panic.detail).toContain(`tail of an allocated block of order 4 at 0x${block.toString(16)}`);
  });

  it.each([-1, 1.5, 21, 256, 2 ** 32, Number.NaN])('order %d', (order) => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    const block = buddy.allocFrames(1)!;
    expect(panicOf(() => buddy.freeFrames(block, order)).reason).toBe(BadFree.BAD_ORDER);
  });

  it.each([-1, 0.5, Number.NaN])('an allocation of order %d', (order) => {
    expect(panicOf(() => fakeMachine(BANKS).buddy.allocFrames(order)).reason).toBe(
      'Allocation with an order that does not exist',
    );
  });
});

describe('exact allocations', () => {
  it.each([
    ['as a single frame', 5, (run: number) => [run, 0]],
    ['as the block it starts with', 5, (run: number) => [run, 2]],
    ['by its last block', 5, (run: number) => [run + 4 * P, 0]],
    ['as a block, when its size is a power of two', 8, (run: number) => [run, 3]],
  ])('cannot be freed %s', (_, frames, what) => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    const [frame, order] = what(buddy.allocExact(frames * P)!);
    expect(panicOf(() => buddy.freeFrames(physAddr(frame!), order!)).reason).toBe(BadFree.EXACT);
  });

  it.each([
    ['shorter', 4],
    ['longer', 6],
    ['much longer', 2 ** 21 + 5],
    ['empty', 0],
  ])('cannot be freed with a %s size', (_, frames) => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    const run = buddy.allocExact(5 * P)!;
    const next = buddy.allocExact(P);
    expect(next).not.toBeNull();
    const { freeFrames } = buddy.counts();
    expect(panicOf(() => buddy.freeExact(run, frames * P)).reason).toBe(BadFree.NOT_EXACT);
    expect(buddy.counts().freeFrames).toBe(freeFrames);
    expect(buddy.validate()).toEqual([]);
  });

  it.each([
    ['twice', (run: number) => run, BadFree.DOUBLE_FREE],
    ['a reserved frame', () => GIB, BadFree.NEVER_ALLOCATED],
    ['outside RAM', () => 0, BadFree.OUTSIDE_RAM],
    ['misaligned', () => GIB + 1, BadFree.MISALIGNED],
  ])('freed %s', (_, where, reason) => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    const run = buddy.allocExact(5 * P)!;
    buddy.freeExact(run, 5 * P);
    expect(panicOf(() => buddy.freeExact(physAddr(where(run)), 5 * P)).reason).toBe(reason);
  });

  it('without a size is refused', () => {
    expect(panicOf(() => fakeMachine(BANKS).buddy.allocExact(0)).reason).toBe('Exact allocation without a size');
  });
});

describe('damage', () => {
  /** Two free frames whose buddies are in use: a list of length 2, `second` at its head. */
  function twoFree() {
    const machine = fakeMachine(BANKS, RESERVED);
    const { buddy, map } = machine;
    const frames = [...Array(4).keys()].map(() => buddy.allocFrame()!);
    buddy.freeFrame(frames[0]!);
    buddy.freeFrame(frames[2]!);
    const page = (index: number) => map.pfnToPage(frames[index]! / P)!;
    return { ...machine, frames, page };
  }

  it.each([
    ['a free head that turned into a tail', 2, 0n, 0x10, 'The head of a free list is not a free block'],
    ['a refcount on a free head', 2, 2n, 0x0007, 'The head of a free list is not a free block'],
    ['a link out of the array', 2, 8n, 0x1234_5678, 'A link between free blocks is corrupted'],
    ['a neighbour that does not point back', 0, 16n, 0x1230, 'A link between free blocks is corrupted'],
  ])('%s: panic at the next allocation, and validate() sees it', (_, which, offset, value, reason) => {
    const { buddy, memory, page } = twoFree();
    memory.write32(virtAddr(page(which) + offset), value);
    expect(buddy.validate()).not.toEqual([]);
    expect(panicOf(() => buddy.allocFrame()).reason).toBe(reason);
  });

  it('validate() sees a counter, a state inside a block, a split pair and a wrong refcount', () => {
    for (const [which, word, expected] of [
      [1, 0x0002_000a, /allocated with refcount 2/],
      [1, 0x10, /flags TAIL where a block must start/],
      [0, 0x0000_000a, /allocated with refcount 0/],
      [1, 0x0001_010a, /block of order 1 is misaligned/],
    ] as const) {
      const { buddy, memory, page } = twoFree();
      memory.write32(page(which), word);
      expect(buddy.validate().join('\n')).toMatch(expected);
    }
  });

  it('a corrupted struct Page is named when its frame is freed', () => {
    const { buddy, memory, frames, page } = twoFree();
    memory.write32(page(1), 0x0005_000a);
    const panic = panicOf(() => buddy.freeFrame(frames[1]!));
    expect(panic.reason).toBe(BadFree.CORRUPT);
  });
});

describe('the lock', () => {
  it('is free between operations, and a panic leaves it held', () => {
    const { buddy } = fakeMachine(BANKS, RESERVED);
    buddy.freeFrame(buddy.allocFrame()!);
    buddy.freeExact(buddy.allocExact(3 * P)!, 3 * P);
    expect(buddy.lock.held).toBe(false);
    panicOf(() => buddy.freeFrame(physAddr(0)));
    expect(buddy.lock.held).toBe(true);
    expect(panicOf(() => buddy.allocFrame()).message).toBe("PANIC: Deadlock: lock 'buddy' is already held");
  });
});
