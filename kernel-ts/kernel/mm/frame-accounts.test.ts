// SPDX-License-Identifier: GPL-2.0-only
/**
 * Accounts of frames, the kernel's reserve, frames below a limit, and what the report of a refusal
 * says.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type PhysAddr } from '#common/address.ts';
import { panicOf } from '#kernel-ts/kernel/testing/panic-of.ts';
import { FrameAccounts, reserveFrames } from './frame-accounts.ts';
import { outOfMemoryReport } from './out-of-memory.ts';
import { PAGE_OWNERS, PageOwner, pageOwnerName } from './page-owner.ts';
import { fakeMachine, GIB, MIB } from './testing/fake-machine.ts';

const FRAMES = 1024;

/** 1024 free frames at 1 GiB; mem_map fills a bank of its own below them. */
function accountsOn() {
  const forMemMap = { base: GIB / 2, size: 7 * PAGE_SIZE };
  const machine = fakeMachine([forMemMap, { base: GIB, size: FRAMES * PAGE_SIZE }]);
  return { ...machine, frames: new FrameAccounts(machine.memory, machine.bss, machine.buddy) };
}

describe('the reserve', () => {
  it.each([
    ['1 MiB', MIB, 128],
    ['1 GiB', GIB, 4096],
    ['8 GiB', 8 * GIB, 11_585],
    ['64 TiB', 2 ** 46, 262_144],
  ])('of %s of RAM is what min_free_kbytes would be', (_, ram, kib) => {
    expect(reserveFrames(ram)).toBe(Math.floor(kib / 4));
  });

  it('stops a user and not the kernel', () => {
    const { frames, buddy } = accountsOn();
    frames.setReserve(32);
    const user = frames.account(PageOwner.USER, 'user 12');
    let taken = 0;
    while (user.allocFrames(0) !== null) taken++;
    expect(taken).toBe(FRAMES - 32);
    expect([user.available(), buddy.counts().freeFrames, frames.refused]).toEqual([0, 32, 1]);
    for (let i = 0; i < 32; i++) expect(frames.account(PageOwner.PAGE_TABLES).allocFrames(0)).not.toBeNull();
    expect(frames.account(PageOwner.PAGE_TABLES).allocFrames(0)).toBeNull();
    expect(frames.refused).toBe(1);
  });

  it('counts the whole block that a user asks for', () => {
    const { frames } = accountsOn();
    frames.setReserve(32);
    const user = frames.account(PageOwner.USER);
    expect(user.allocFrames(10), 'all of memory').toBeNull();
    expect(user.allocFrames(9)).not.toBeNull();
    expect(user.allocFrames(9), 'the other half, with the reserve in it').toBeNull();
  });

  it('is never more than a quarter of a small machine', () => {
    const { frames } = accountsOn();
    frames.setReserve(reserveFrames(8 * GIB));
    expect(frames.reserve).toBe(FRAMES / 4);
  });
});

describe('accounts', () => {
  it('know at any time what each kind of owner holds, and all comes back: any history', () => {
    const step = fc.record({
      owner: fc.constantFrom(...PAGE_OWNERS),
      order: fc.integer({ min: 0, max: 5 }),
      way: fc.constantFrom('block', 'exact', 'below', 'free'),
      pick: fc.nat(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (history) => {
        const { frames, buddy } = accountsOn();
        const before = buddy.buddyinfo();
        const held = PAGE_OWNERS.map(() => 0);
        const live: { frames: number; owner: PageOwner; free: () => void }[] = [];
        const give = (index: number): void => {
          const [gone] = live.splice(index, 1) as [(typeof live)[0]];
          gone.free();
          held[gone.owner]! -= gone.frames;
        };
        for (const { owner, order, way, pick } of history) {
          const account = frames.account(owner);
          if (way === 'free') {
            if (live.length > 0) give(pick % live.length);
            continue;
          }
          const bytes = (2 ** order + (pick % 3)) * PAGE_SIZE;
          const exact = way === 'exact';
          const taken: PhysAddr | null = exact
            ? account.allocExact(bytes)
            : way === 'below'
              ? account.allocBelow(order, GIB + 2 * MIB)
              : account.allocFrames(order);
          if (taken === null) continue;
          if (way === 'below') expect(taken + PAGE_SIZE * 2 ** order).toBeLessThanOrEqual(GIB + 2 * MIB);
          const count = exact ? bytes / PAGE_SIZE : 2 ** order;
          held[owner]! += count;
          live.push({
            frames: count,
            owner,
            free: () => (exact ? account.freeExact(taken, bytes) : account.freeFrames(taken, order)),
          });
        }
        expect(frames.holdings().map((holding) => holding.frames)).toEqual(held);
        const { totalFrames, freeFrames } = buddy.counts();
        expect(totalFrames - freeFrames).toBe(held.reduce((sum, count) => sum + count, 0));
        while (live.length > 0) give(live.length - 1);
        expect(buddy.buddyinfo()).toEqual(before);
        expect(buddy.validate()).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  it('refuse a free by an owner that does not hold the frames', () => {
    const { frames } = accountsOn();
    const frame = frames.account(PageOwner.HEAP).allocFrames(0)!;
    const panic = panicOf(() => frames.account(PageOwner.DMA).freeFrames(frame, 0));
    expect(panic.reason).toBe('Frames were given back by an owner that does not hold them');
    expect(panic.detail).toBe('dma holds 0 frames and gave back 1');
  });

  it('have a name for every kind', () => {
    expect(new Set(PAGE_OWNERS.map(pageOwnerName)).size).toBe(PAGE_OWNERS.length);
  });
});

describe('allocation below a limit', () => {
  it('finds the one block below it, wherever it stands in its list', () => {
    const { buddy } = accountsOn();
    const taken: PhysAddr[] = [];
    for (let frame = buddy.allocFrame(); frame !== null; frame = buddy.allocFrame()) taken.push(frame);
    // Every second frame is free, so nothing merges; the lowest is freed first and ends up last in
    // the list.
    for (const frame of taken.toSorted((a, b) => a - b).filter((_, index) => index % 2 === 0)) buddy.freeFrame(frame);
    expect(buddy.allocBelow(0, GIB + PAGE_SIZE)).toBe(GIB);
    expect(buddy.allocBelow(0, GIB + PAGE_SIZE)).toBeNull();
    expect(buddy.validate()).toEqual([]);
  });

  it('splits a block of which only the start is below it', () => {
    const { buddy } = accountsOn();
    expect(buddy.allocBelow(1, GIB + 2 * PAGE_SIZE + 1)).toBe(GIB);
    expect(buddy.allocBelow(0, GIB + 2 * PAGE_SIZE)).toBeNull();
    expect(buddy.validate()).toEqual([]);
  });

  it('takes from no bank above it', () => {
    const { buddy } = fakeMachine([
      { base: GIB / 2, size: MIB / 2 },
      { base: GIB, size: MIB },
      { base: 8 * GIB, size: 64 * MIB },
    ]);
    expect(buddy.allocBelow(8, 4 * GIB)).toBe(GIB);
    expect(buddy.allocBelow(8, 4 * GIB)).toBeNull();
    expect(buddy.allocBelow(8, 16 * GIB)).toBeGreaterThanOrEqual(8 * GIB);
    expect(buddy.allocBelow(21, 16 * GIB)).toBeNull();
    expect(panicOf(() => buddy.allocBelow(-1, GIB)).reason).toBe('Allocation with an order that does not exist');
  });
});

describe('the report of a refusal', () => {
  it('says what was asked, what is left, and who holds it, the largest first', () => {
    const { frames, buddy } = accountsOn();
    frames.setReserve(32);
    frames.account(PageOwner.PAGE_TABLES).allocFrames(2);
    buddy.allocFrame();
    const user = frames.account(PageOwner.USER);
    while (user.allocFrames(0) !== null) continue;
    expect(outOfMemoryReport(frames, { who: 'user 12 (eater)', owner: PageOwner.USER, order: 0 })).toEqual([
      "out of memory: user 12 (eater) asked for 1 frame (order 0): it would take the kernel's reserve",
      '32 of 1024 frames free, 32 kept for the kernel, largest free block of order 5',
      'held by user 987 (3948 KiB), page tables 4 (16 KiB), without account 1 (4 KiB)',
    ]);
  });

  it('tells fragmentation from exhaustion', () => {
    const { frames, buddy } = accountsOn();
    const asked = { who: 'kernel', owner: PageOwner.KERNEL, order: 10 } as const;
    frames.account(PageOwner.HEAP).allocFrames(0);
    const program = { who: 'pid 3', owner: PageOwner.USER, order: 0, blocks: 5000 } as const;
    expect(outOfMemoryReport(frames, program)[0]).toBe(
      'out of memory: pid 3 asked for 5000 frames (order 0): so many are not free',
    );
    expect(outOfMemoryReport(frames, asked)[0]).toContain('1024 frames (order 10): no free block is that large');
    while (buddy.allocFrame() !== null) continue;
    expect(outOfMemoryReport(frames, asked)[0]).toContain('no frame is free');
  });
});
