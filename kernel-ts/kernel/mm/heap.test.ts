// SPDX-License-Identifier: GPL-2.0-only
/** The kernel heap: first fit, merging, growth, and that bad frees and damage are found. */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type VirtAddr, virtAddr } from '#common/address.ts';
import type { BaseAndSize } from '#common/range.ts';
import { panicOf } from '#kernel-ts/kernel/testing/panic-of.ts';
import { Heap, HEAP_GROWTH_BYTES, initialHeapBytes } from './heap.ts';
import { HeapFault } from './heap-span.ts';
import { fakeMachine, GIB, MIB } from './testing/fake-machine.ts';

function heapOn(banks: readonly BaseAndSize[], reserved: readonly BaseAndSize[] = [], totalRam = GIB) {
  const machine = fakeMachine(banks, reserved);
  return { ...machine, heap: new Heap(machine.memory, machine.bss, machine.buddy, totalRam) };
}

/** Room for a span of 16 MiB, and 8 MiB as the largest block beside it. */
const SMALL = [{ base: GIB, size: 32 * MIB }];

describe('initial size', () => {
  it.each([
    ['96 MiB', 96 * MIB, 16],
    ['qemu-virt, 1 GiB', GIB, 16],
    ['2 GiB', 2 * GIB, 16],
    ['3 GiB', 3 * GIB, 24],
    ['6 GiB', 6 * GIB, 48],
    ['pixel6, 8 GiB', 8 * GIB, 64],
    ['64 GiB', 64 * GIB, 64],
  ])('%s of RAM', (_, ram, mib) => {
    expect(initialHeapBytes(ram)).toBe(mib * MIB);
  });

  it('is one span of any size where the buddy has one', () => {
    const { heap, buddy } = heapOn([{ base: GIB, size: 3 * GIB }], [], 3 * GIB);
    expect(heap.stats()).toMatchObject({ bytes: 24 * MIB, spans: 1, used: 0, allocations: 0 });
    expect(buddy.counts().totalFrames - buddy.counts().freeFrames).toBe((24 * MIB) / 4096);
  });

  it('is several spans where memory is in pieces', () => {
    const reserved = [...Array(20).keys()].map((i) => ({ base: GIB + i * 4 * MIB, size: 0x1000 }));
    const { heap } = heapOn([{ base: GIB, size: 40 * MIB }], reserved);
    const stats = heap.stats();
    expect(stats.bytes).toBe(16 * MIB);
    expect(stats.spans).toBeGreaterThan(1);
    expect(heap.validate()).toEqual([]);
  });

  it('panics when the buddy cannot give that much', () => {
    const panic = panicOf(() => heapOn([{ base: GIB, size: 12 * MIB }]));
    expect(panic.message).toBe('PANIC: Cannot allocate kernel heap — insufficient free memory');
    expect(panic.detail).toMatch(/^16777216 bytes needed for 1073741824 bytes of RAM, \d+ found in \d+ spans/);
  });
});

describe('alloc', () => {
  it('is first fit from low addresses, and holes merge', () => {
    const { heap } = heapOn(SMALL);
    const [a, b, c] = [heap.alloc(100)!, heap.alloc(200)!, heap.alloc(300)!];
    expect([a < b, b < c]).toEqual([true, true]);
    heap.free(a);
    heap.free(b);
    expect(heap.alloc(300)).toBe(a);
    expect(heap.validate()).toEqual([]);
  });

  it.each([1, 2, 16, 64, 256, 4096])('aligns to %d', (align) => {
    const { heap } = heapOn(SMALL);
    heap.alloc(40);
    for (let i = 0; i < 5; i++) expect(heap.alloc(24, align)! % BigInt(align)).toBe(0n);
    expect(heap.validate()).toEqual([]);
  });

  it('grows by 64 KiB when exhausted, by more when one request is larger, and is null when the buddy is empty', () => {
    const { heap, buddy } = heapOn(SMALL);
    const all = heap.alloc(heap.stats().capacity - 16)!;
    expect(heap.stats()).toMatchObject({ spans: 1, free: 0 });
    expect(heap.alloc(64)).not.toBeNull();
    expect(heap.stats()).toMatchObject({ spans: 2, bytes: 16 * MIB + HEAP_GROWTH_BYTES });
    expect(heap.alloc(MIB, 4096)).not.toBeNull();
    expect(heap.stats()).toMatchObject({ spans: 3 });
    expect(heap.alloc(8 * MIB)).toBeNull();
    expect(heap.lock.held).toBe(false);
    heap.free(all);
    expect(heap.alloc(8 * MIB)).toBe(all);
    expect(heap.validate()).toEqual([]);
    expect(buddy.validate()).toEqual([]);
  });

  it.each([
    [0, 16],
    [-1, 16],
    [1.5, 16],
    [16, 3],
    [16, 8192],
    [16, 0],
  ])('%d bytes aligned to %d: a panic', (size, align) => {
    expect(panicOf(() => heapOn(SMALL).heap.alloc(size, align)).reason).toBe('Heap request that cannot be served');
  });
});

describe('bad frees', () => {
  it.each<[string, (a: VirtAddr, c: VirtAddr) => bigint, string]>([
    ['twice', (a) => a, HeapFault.DOUBLE_FREE],
    ['inside a hole', (a) => a + 32n, HeapFault.DOUBLE_FREE],
    ['inside an allocation', (_, c) => c + 32n, HeapFault.NOT_A_BLOCK],
    ['not even aligned', (_, c) => c + 1n, HeapFault.NOT_A_BLOCK],
    ['outside the heap', () => 0xffff_8000_0000_1000n, HeapFault.FOREIGN],
  ])('%s', (_, what, reason) => {
    const { heap } = heapOn(SMALL);
    const a = heap.alloc(100)!;
    const b = heap.alloc(100)!;
    const c = heap.alloc(100)!;
    heap.free(a);
    const panic = panicOf(() => heap.free(virtAddr(what(a, c))));
    expect(panic.reason).toBe(reason);
    expect(panic.detail).toContain(`free of 0x${what(a, c).toString(16)}`);
    expect(b).not.toBe(c);
  });

  it('twice, after the block merged with the hole below it', () => {
    const { heap } = heapOn(SMALL);
    const [a, b] = [heap.alloc(100)!, heap.alloc(100)!];
    heap.alloc(100);
    heap.free(a);
    heap.free(b);
    expect(panicOf(() => heap.free(b)).reason).toBe(HeapFault.DOUBLE_FREE);
  });
});

describe('damage', () => {
  it('a write past the end of a block is found when the next one is freed', () => {
    const { heap, memory } = heapOn(SMALL);
    const [a, b] = [heap.alloc(112)!, heap.alloc(112)!];
    memory.fill(virtAddr(a + 112n), 8, 0x41);
    expect(heap.validate()).not.toEqual([]);
    const panic = panicOf(() => heap.free(b));
    expect(panic.reason).toBe(HeapFault.CORRUPT);
    expect(panic.detail).toContain(`block header at 0x${(b - 16n).toString(16)}`);
    expect(panic.detail).toContain('magic 0x41414141');
  });

  it.each([8n, 16n])('a write into a hole at +%d is found when the list is walked', (offset) => {
    const { heap, memory } = heapOn(SMALL);
    const a = heap.alloc(100)!;
    heap.alloc(100);
    heap.free(a);
    memory.write32(virtAddr(a - 16n + offset), 0x50);
    expect(panicOf(() => heap.alloc(5000)).reason).toBe(HeapFault.CORRUPT);
  });
});

it('serves any history without overlap, and is whole again at the end', () => {
  const request = fc.record({ size: fc.integer({ min: 1, max: 9000 }), align: fc.constantFrom(1, 16, 64, 4096) });
  const step = fc.oneof({ weight: 3, arbitrary: request }, { weight: 2, arbitrary: fc.nat() });
  const { heap, memory } = heapOn(SMALL);
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (trace) => {
      const live: { va: VirtAddr; size: number; byte: number }[] = [];
      const release = (index: number) => {
        const [{ va, size, byte }] = live.splice(index, 1) as [(typeof live)[0]];
        expect(memory.readBytes(va, size).every((value) => value === byte)).toBe(true);
        heap.free(va);
      };
      trace.forEach((what, i) => {
        if (typeof what !== 'number') {
          const va = heap.alloc(what.size, what.align)!;
          expect(va % BigInt(what.align)).toBe(0n);
          memory.fill(va, what.size, i);
          live.push({ va, size: what.size, byte: i });
        } else if (live.length > 0) {
          release(what % live.length);
        }
      });
      expect(heap.validate()).toEqual([]);
      expect(heap.stats().allocations).toBe(live.length);
      while (live.length > 0) release(0);
      expect(heap.stats()).toMatchObject({ used: 0, allocations: 0 });
      expect(heap.validate()).toEqual([]);
    }),
    { numRuns: 60 },
  );
  expect(heap.alloc(16 * MIB - 48)).not.toBeNull();
  expect(heap.stats().spans).toBe(1);
});
