// SPDX-License-Identifier: GPL-2.0-only
/**
 * Poison in the heap: a hole is poison at all times, so that a write to a freed block is found when
 * its memory is next used.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type VirtAddr, virtAddr } from '#common/address.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { Heap } from '#kernel-ts/kernel/mm/heap.ts';
import { BLOCK_HEADER_BYTES, HeapFault, SPAN_HEADER_BYTES } from '#kernel-ts/kernel/mm/heap-span.ts';
import { fakeMachine, GIB, MIB } from '#kernel-ts/kernel/mm/testing/fake-machine.ts';
import { HEAP_WRITE_AFTER_FREE, PoisonedSpan } from './poisoned-span.ts';

const SPAN_BYTES = 32 * 1024;

/** A small span of its own: the heap's first one has 16 MiB. */
function poisonedSpan() {
  const machine = fakeMachine([{ base: GIB, size: MIB }]);
  const span = new PoisonedSpan(machine.memory, physToVirt(machine.buddy.allocFrames(3)!), SPAN_BYTES);
  span.initialise();
  const heap = {
    alloc: (size: number, align = 16) => virtAddr(span.va + BigInt(span.alloc(size, Math.max(align, 16)))),
    free: (va: VirtAddr) => span.free(Number(va - span.va)),
    /** Everything, when nothing is allocated. */
    allocAll: () => span.alloc(SPAN_BYTES - SPAN_HEADER_BYTES - BLOCK_HEADER_BYTES, 16),
  };
  return { ...machine, span, heap };
}

interface Live {
  readonly va: VirtAddr;
  readonly size: number;
}

/** Sizes to allocate, and what to free in between. */
const histories = fc.array(
  fc.record({
    size: fc.integer({ min: 1, max: 300 }),
    align: fc.constantFrom(8, 16, 64, 256),
    free: fc.option(fc.nat(), { freq: 2 }),
  }),
  { minLength: 1, maxLength: 60 },
);

describe('a poisoned heap', () => {
  it('never complains of blocks that are used to their last byte while they are allocated', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const { heap, memory } = poisonedSpan();
        const live: Live[] = [];
        for (const { size, align, free } of history) {
          const va = heap.alloc(size, align);
          memory.fill(va, size, 0xcc);
          live.push({ va, size });
          if (free !== null) heap.free(live.splice(free % live.length, 1)[0]!.va);
        }
        for (const { va } of live) heap.free(va);
        // The whole span is one hole again, and all of it is poison.
        expect(heap.allocAll()).toBeGreaterThan(0);
      }),
      { numRuns: 40 },
    );
  });

  it('finds a write to a freed block, whatever was allocated and freed around it', () => {
    fc.assert(
      fc.property(histories, fc.nat(), fc.nat(), (history, pick, at) => {
        const { heap, memory } = poisonedSpan();
        const live: Live[] = [];
        for (const { size, align, free } of history) {
          const va = heap.alloc(size, align);
          memory.fill(va, size, 0xcc);
          live.push({ va, size });
          if (free !== null) heap.free(live.splice(free % live.length, 1)[0]!.va);
        }
        if (live.length === 0) return;
        const [victim] = live.splice(pick % live.length, 1) as [Live];
        heap.free(victim.va);
        const address = virtAddr(victim.va + BigInt(at % victim.size));
        memory.write8(address, memory.read8(address) ^ 0x10);
        let panic: unknown = null;
        try {
          for (const { va } of live) heap.free(va);
          heap.allocAll();
        } catch (error) {
          panic = error;
        }
        expect(panic).toBeInstanceOf(KernelPanic);
        // The first bytes of a hole are its link, which its header's check covers.
        expect([HEAP_WRITE_AFTER_FREE, HeapFault.CORRUPT]).toContain((panic as KernelPanic).reason);
      }),
      { numRuns: 60 },
    );
  });

  it('names the place and what is there', () => {
    const { memory, bss, buddy } = fakeMachine([{ base: GIB, size: 32 * MIB }]);
    const heap = new Heap(memory, bss, buddy, GIB, null, PoisonedSpan);
    const va = heap.alloc(100)!;
    heap.free(va);
    memory.write8(virtAddr(va + 40n), 0x55);
    try {
      heap.alloc(100);
      expect.unreachable();
    } catch (error) {
      expect((error as KernelPanic).detail).toBe(
        `1 bytes were written between the free and the next use of 0x${va.toString(16)}, the first at 0x${(va + 40n).toString(16)}: 0x55 where 0x6b was`,
      );
    }
  });
});
