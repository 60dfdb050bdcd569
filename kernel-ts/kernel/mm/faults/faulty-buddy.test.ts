// SPDX-License-Identifier: GPL-2.0-only
/**
 * Faults on purpose in the frame allocator: exactly the allocations that a rule names fail, and a
 * write to a freed frame is found.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type PhysAddr, physAddr, virtAddr } from '#common/address.ts';
import type { TracePort } from '#kernel-ts/hal/ports.ts';
import { panicOf } from '#kernel-ts/kernel/testing/panic-of.ts';
import { Buddy } from '#kernel-ts/kernel/mm/buddy.ts';
import { BuddyTrace } from '#kernel-ts/kernel/mm/buddy-trace.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { FrameAccounts } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import { MemMap, placeMemMap } from '#kernel-ts/kernel/mm/mem-map.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import { addFreeRanges, fakeMemblock, GIB, MIB } from '#kernel-ts/kernel/mm/testing/fake-machine.ts';
import { run, steps } from '#kernel-ts/kernel/mm/testing/random-trace.ts';
import { fails } from './allocation-faults.ts';
import { FaultyBuddy } from './faulty-buddy.ts';
import { WRITE_AFTER_FREE } from './frame-poison.ts';
import { describeFaults, type MemoryFaults } from './memory-faults.ts';

/** Events of kind `fault`, in order. */
type Faults = object[];

function machineWith(faults: MemoryFaults, mib = 8) {
  const { memory, bss, memblock } = fakeMemblock([{ base: GIB, size: mib * MIB }]);
  const map = new MemMap(memory, placeMemMap(memblock));
  map.initialise();
  const told: Faults = [];
  const trace: TracePort = {
    enabled: (kind) => kind === 'fault',
    emit: (kind, fields) => {
      if (kind === 'fault') told.push(typeof fields === 'function' ? fields() : fields);
    },
  };
  const owners = new BuddyTrace(trace);
  const buddy = new FaultyBuddy(memory, bss, map, undefined, owners, faults, trace);
  addFreeRanges(buddy, memblock);
  return { memory, buddy, told, frames: new FrameAccounts(memory, bss, buddy, owners) };
}

describe('a rule', () => {
  it.each([
    [{}, [1, 2, 3, 4, 5, 6, 7, 8]],
    [{ nth: 3 }, [3]],
    [{ every: 3 }, [3, 6]],
    [{ nth: 2, every: 3 }, [2, 5, 8]],
    [{ nth: 5, every: 1 }, [5, 6, 7, 8]],
  ])('%o makes these fail: %j', (rule, expected) => {
    expect([1, 2, 3, 4, 5, 6, 7, 8].filter((count) => fails(rule, count))).toEqual(expected);
  });

  it('is told as one writes it', () => {
    expect(describeFaults({ failAlloc: [{ order: 9, nth: 3 }, {}], oomAt: 0.97, poisonFreed: true })).toBe(
      'fail-alloc order=9,nth=3; fail-alloc all; oom-at 97%; poison-freed',
    );
  });
});

describe('refused allocations', () => {
  it('are those of the order, however they are asked for, and each is told', () => {
    const { buddy, told, frames } = machineWith({ failAlloc: [{ order: 2, nth: 2, every: 2 }] });
    const asked = [
      buddy.allocFrames(2),
      buddy.allocFrames(1),
      buddy.allocExact(3 * PAGE_SIZE),
      buddy.allocBelow(2, 2 * GIB),
      frames.account(PageOwner.SLAB, 'slab:test').allocFrames(2),
    ];
    expect(asked.map((frame) => frame === null)).toEqual([false, false, true, false, true]);
    expect(told).toEqual([
      { what: 'fail-alloc', order: 2, owner: 'kernel', ownerKind: 'kernel', rule: 'order=2,nth=2,every=2', count: 2 },
      { what: 'fail-alloc', order: 2, owner: 'slab:test', ownerKind: 'slab', rule: 'order=2,nth=2,every=2', count: 4 },
    ]);
    expect(buddy.validate()).toEqual([]);
  });

  it('are counted by every rule, also when another has refused', () => {
    const { buddy } = machineWith({ failAlloc: [{ nth: 1 }, { nth: 2 }] });
    expect([buddy.allocFrame(), buddy.allocFrame(), buddy.allocFrame()].map((frame) => frame === null)).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('begin at the share of frames in use, and end when frames are given back', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), (percent) => {
        const { buddy, told } = machineWith({ oomAt: percent / 100 }, 2);
        const { totalFrames } = buddy.counts();
        const most = Math.floor((percent / 100) * totalFrames);
        const taken: PhysAddr[] = [];
        for (let frame = buddy.allocFrame(); frame !== null; frame = buddy.allocFrame()) taken.push(frame);
        expect(taken).toHaveLength(most);
        expect(told.at(-1)).toMatchObject(percent === 100 ? {} : { what: 'oom-at', inUse: most, totalFrames });
        const last = taken.pop();
        if (last !== undefined) {
          buddy.freeFrame(last);
          expect(buddy.allocFrame()).not.toBeNull();
        }
      }),
      { numRuns: 25 },
    );
  });

  it('leave misuse to its own panic', () => {
    const { buddy, told } = machineWith({ failAlloc: [{}] });
    expect(panicOf(() => buddy.allocFrames(-1)).reason).toBe('Allocation with an order that does not exist');
    expect(panicOf(() => buddy.allocExact(0)).reason).toBe('Exact allocation without a size');
    expect(buddy.allocFrames(21)).toBeNull();
    expect(told).toEqual([]);
  });
});

describe('poison in freed frames', () => {
  it('changes nothing for a kernel that keeps its hands off', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const { buddy } = machineWith({ poisonFreed: true }, 8);
        run(
          buddy,
          history,
          () => true,
          () => {},
        );
        expect(buddy.validate()).toEqual([]);
      }),
      { numRuns: 8 },
    );
  });

  it('says who had it: readable in a memory dump', () => {
    const { memory, frames } = machineWith({ poisonFreed: true });
    const account = frames.account(PageOwner.USER, 'user 12');
    const frame = account.allocFrames(0)!;
    account.freeFrames(frame, 0);
    const line = String.fromCharCode(...memory.readBytes(physToVirt(physAddr(frame + 96)), 32));
    expect(line).toBe('FREED BY user 12...............\n');
  });

  it('that was written to is a panic at the next use, wherever the byte is', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 16_383 }), (order, at) => {
        const { memory, buddy, frames } = machineWith({ poisonFreed: true });
        const account = frames.account(PageOwner.USER, 'user 12');
        const frame = account.allocFrames(order)!;
        account.freeFrames(frame, order);
        const offset = at % (PAGE_SIZE * 2 ** order);
        memory.write8(virtAddr(physToVirt(frame) + BigInt(offset)), 0xee);
        const hit = `frame 0x${(frame + offset - (offset % PAGE_SIZE)).toString(16)}, freed by user 12, about to be given to kernel: 1 bytes`;
        const panic = panicOf(() => {
          while (buddy.allocFrame() !== null);
        });
        expect(panic.reason).toBe(WRITE_AFTER_FREE);
        expect(panic.detail).toContain(hit);
        expect(panic.detail).toContain(`the first at 0x${(frame + offset).toString(16)}, `);
      }),
      { numRuns: 25 },
    );
  });

  it('that is gone altogether is found too', () => {
    const { memory, buddy } = machineWith({ poisonFreed: true });
    const frame = buddy.allocExact(5 * PAGE_SIZE)!;
    buddy.freeExact(frame, 5 * PAGE_SIZE);
    memory.fill(physToVirt(frame), PAGE_SIZE, 0);
    const { detail } = panicOf(() => buddy.allocExact(5 * PAGE_SIZE));
    expect(detail).toContain('whoever freed it cannot be told, no line of the poison is left');
    expect(detail).toContain('4096 bytes of its poison are gone');
  });

  it('is not looked for in memory that was never in use', () => {
    const { memory, buddy } = machineWith({ poisonFreed: true });
    memory.fill(physToVirt(physAddr(GIB + 4 * MIB)), MIB, 0x11);
    let taken = 0;
    while (buddy.allocFrame() !== null) taken++;
    expect(taken).toBe(buddy.counts().totalFrames);
  });
});

it('a kernel without faults has the plain allocator', () => {
  const { memory, bss, memblock } = fakeMemblock([{ base: GIB, size: 8 * MIB }]);
  const map = new MemMap(memory, placeMemMap(memblock));
  map.initialise();
  const buddy = new Buddy(memory, bss, map);
  expect(bss.variables().some(({ name }) => name === 'allocation_faults')).toBe(false);
  expect(buddy.validate()).toEqual([]);
});
