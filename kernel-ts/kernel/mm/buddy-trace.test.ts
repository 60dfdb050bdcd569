// SPDX-License-Identifier: GPL-2.0-only
/**
 * Events of the memory system: replayed, they give the allocator's own lists; untraced, there are
 * none.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, physAddr } from '#common/address.ts';
import type { BuddyFields, HeapFields } from '#kernel-ts/hal/kernel-events.ts';
import type { TracePort } from '#kernel-ts/hal/ports.ts';
import { Buddy } from './buddy.ts';
import { BuddyTrace } from './buddy-trace.ts';
import { FrameAccounts } from './frame-accounts.ts';
import { Heap } from './heap.ts';
import { MemMap, placeMemMap } from './mem-map.ts';
import { PageOwner } from './page-owner.ts';
import { blockName, BuddyReplay } from './testing/buddy-replay.ts';
import { addFreeRanges, fakeMemblock, fakeMachine, GIB, MIB } from './testing/fake-machine.ts';
import { run, steps } from './testing/random-trace.ts';

function recorder(): TracePort & { readonly events: BuddyFields[]; readonly heap: HeapFields[] } {
  const events: BuddyFields[] = [];
  const heap: HeapFields[] = [];
  return {
    events,
    heap,
    enabled: () => true,
    emit: (kind, fields) => ((kind === 'heap' ? heap : events) as unknown[]).push(fields),
  };
}

/** One begins in the middle of a large block. */
const BANKS = [
  { base: GIB, size: 40 * MIB },
  { base: 5 * GIB + 3 * MIB, size: 7 * MIB },
];

/** Each bank is given in two steps, as the boot may do it. */
function tracedMachine(trace: TracePort) {
  const { memory, bss, memblock } = fakeMemblock(BANKS);
  const map = new MemMap(memory, placeMemMap(memblock));
  map.initialise();
  const buddyTrace = new BuddyTrace(trace);
  const buddy = new Buddy(memory, bss, map, undefined, buddyTrace);
  for (const { start, end } of memblock.freeRanges()) {
    const middle = start + Math.floor((end - start) / 2 / PAGE_SIZE) * PAGE_SIZE;
    buddy.addRange(physAddr(start), physAddr(middle));
    buddy.addRange(physAddr(middle), physAddr(end));
  }
  return { memory, bss, memblock, buddy, buddyTrace };
}

describe('buddy events', () => {
  it('begin with every free block of the boot', () => {
    const trace = recorder();
    const { buddy } = tracedMachine(trace);
    const replay = new BuddyReplay();
    replay.play(trace.events);
    expect(replay.buddyinfo()).toEqual(buddy.buddyinfo());
    expect(trace.events.filter((fields) => fields.op === 'free' && fields.ownerKind !== 'boot')).toEqual([]);
    expect(
      trace.events.some(({ op }) => op === 'merge'),
      'the two steps merge',
    ).toBe(true);
  });

  it('replayed give the free lists after any history', () => {
    fc.assert(
      fc.property(steps, (history) => {
        const trace = recorder();
        const { buddy } = tracedMachine(trace);
        const replay = new BuddyReplay();
        run(
          buddy,
          history,
          () => true,
          () => {
            replay.play(trace.events.splice(0));
            expect(replay.buddyinfo()).toEqual(buddy.buddyinfo());
          },
        );
        replay.play(trace.events);
        expect(replay.buddyinfo()).toEqual(buddy.buddyinfo());
        expect(replay.allocated.size).toBe(0);
        expect(buddy.validate()).toEqual([]);
      }),
      { numRuns: 20 },
    );
  });

  it('do not change what is handed out', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 30 }), (orders) => {
        const { buddy } = tracedMachine(recorder());
        const { memory, bss, memblock } = fakeMemblock(BANKS);
        const map = new MemMap(memory, placeMemMap(memblock));
        map.initialise();
        const plain = new Buddy(memory, bss, map);
        addFreeRanges(plain, memblock);
        expect(orders.map((order) => buddy.allocFrames(order))).toEqual(
          orders.map((order) => plain.allocFrames(order)),
        );
      }),
      { numRuns: 10 },
    );
  });

  it('name the owner, and nobody after it', () => {
    const trace = recorder();
    const { memory, bss, buddy, buddyTrace } = tracedMachine(trace);
    const frames = new FrameAccounts(memory, bss, buddy, buddyTrace);
    const user = frames.account(PageOwner.USER, 'user 12');
    trace.events.length = 0;
    const frame = user.allocFrames(0)!;
    user.freeFrames(frame, 0);
    buddy.freeFrame(buddy.allocFrame()!);
    const named = trace.events.flatMap((fields) =>
      fields.op === 'alloc' || fields.op === 'free'
        ? [[fields.op, fields.base, fields.order, fields.owner, fields.ownerKind]]
        : [],
    );
    expect(named).toEqual([
      ['alloc', `0x${frame.toString(16)}`, 0, 'user 12', 'user'],
      ['free', `0x${frame.toString(16)}`, 0, 'user 12', 'user'],
      ['alloc', `0x${frame.toString(16)}`, 0, 'kernel', 'kernel'],
      ['free', `0x${frame.toString(16)}`, 0, 'kernel', 'kernel'],
    ]);
  });

  it('name a frame below a limit with the splits that made it', () => {
    const trace = recorder();
    const { buddy } = tracedMachine(trace);
    const replay = new BuddyReplay();
    const frame = buddy.allocBelow(0, 5 * GIB + 4 * MIB)!;
    const high = buddy.allocBelow(2, GIB + 20 * MIB)!;
    replay.play(trace.events);
    expect(replay.buddyinfo()).toEqual(buddy.buddyinfo());
    expect([...replay.allocated.keys()]).toEqual([blockName(frame, 0), blockName(high, 2)]);
  });
});

describe('heap events', () => {
  it('tell of growth, allocations and frees with address and size', () => {
    const trace = recorder();
    const { memory, bss, buddy } = fakeMachine([{ base: GIB, size: 40 * MIB }]);
    const heap = new Heap(memory, bss, buddy, GIB, trace);
    const { base } = heap.stats();
    const va = heap.alloc(100)!;
    heap.free(va);
    const address = `0x${va.toString(16)}`;
    expect(trace.heap).toEqual([
      { op: 'grow', address: `0x${base.toString(16)}`, bytes: 16 * MIB },
      { op: 'alloc', address, bytes: 128 },
      { op: 'free', address, bytes: 128 },
    ]);
  });
});
