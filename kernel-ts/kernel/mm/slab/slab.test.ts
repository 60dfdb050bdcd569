// SPDX-License-Identifier: GPL-2.0-only
/**
 * Slab caches: geometry, lists, what comes back to the buddy, and that misuse and damage are found.
 */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, type VirtAddr, virtAddr } from '#common/address.ts';
import { panicOf } from '#kernel-ts/kernel/testing/panic-of.ts';
import { DIRECT_MAP_BASE } from '#kernel-ts/kernel/direct-map.ts';
import { FrameAccounts } from '#kernel-ts/kernel/mm/frame-accounts.ts';
import { Heap } from '#kernel-ts/kernel/mm/heap.ts';
import { PageOwner } from '#kernel-ts/kernel/mm/page-owner.ts';
import { fakeMachine, GIB, MIB } from '#kernel-ts/kernel/mm/testing/fake-machine.ts';
import { SIZE_CLASSES, SlabAllocator } from './slab-allocator.ts';
import { MAX_SLAB_ORDER, slabGeometry } from './slab-layout.ts';
import { SLAB_LINK_CORRUPTED } from './slab-lists.ts';
import { BadSlabFree } from './slab-cache.ts';

function slabMachine(bytes = 40 * MIB) {
  const machine = fakeMachine([{ base: GIB, size: bytes }]);
  const frames = new FrameAccounts(machine.memory, machine.bss, machine.buddy);
  const heap = new Heap(machine.memory, machine.bss, frames.account(PageOwner.HEAP), GIB);
  const slab = new SlabAllocator(machine.memory, machine.bss, heap, frames);
  return { ...machine, frames, heap, slab };
}

function filled(count: number, alloc: () => VirtAddr | null): VirtAddr[] {
  return Array.from({ length: count }, () => alloc()!);
}

describe('geometry', () => {
  it('fits header, bitmap and objects into the slab, whatever the object', () => {
    const sizes = fc.integer({ min: 1, max: PAGE_SIZE });
    const aligns = fc.constantFrom(4, 8, 16, 32, 64, 128, 256);
    fc.assert(
      fc.property(sizes, aligns, (objectBytes, align) => {
        const { bytes, stride, capacity, first, order } = slabGeometry(objectBytes, align, PAGE_SIZE)!;
        expect(order).toBeLessThanOrEqual(MAX_SLAB_ORDER);
        expect(stride).toBeGreaterThanOrEqual(objectBytes);
        expect([stride % align, first % align]).toEqual([0, 0]);
        expect(first).toBeGreaterThanOrEqual(32 + Math.ceil(capacity / 32) * 4);
        expect(first + capacity * stride).toBeLessThanOrEqual(bytes);
        expect(bytes - (first + capacity * stride)).toBeLessThan(stride + align);
      }),
    );
  });

  it('wastes at most an eighth of a slab for every size class', () => {
    for (const size of SIZE_CLASSES) {
      const { bytes, capacity } = slabGeometry(size, 16, PAGE_SIZE)!;
      expect(1 - (capacity * size) / bytes, `size ${size}`).toBeLessThanOrEqual(1 / 8);
    }
  });
});

describe('a cache', () => {
  it('keeps its slabs on the lists that their objects ask for', () => {
    const { slab } = slabMachine();
    const cache = slab.createCache('record', 500)!;
    const { objectsPerSlab } = cache.statistics();
    const objects = filled(2 * objectsPerSlab + 1, () => cache.alloc());
    expect(new Set(objects).size).toBe(objects.length);
    expect(cache.statistics()).toMatchObject({
      objectsInUse: objects.length,
      slabsFull: 2,
      slabsPartial: 1,
      slabsEmpty: 0,
      objects: 3 * objectsPerSlab,
    });
    cache.free(objects[0]!);
    expect(cache.statistics()).toMatchObject({ slabsFull: 1, slabsPartial: 2 });
    expect(slab.validate()).toEqual([]);
    for (const object of objects.slice(1)) cache.free(object);
    expect(cache.statistics()).toMatchObject({ objectsInUse: 0, slabsFull: 0, slabsPartial: 0, slabsEmpty: 1 });
    expect(slab.validate()).toEqual([]);
  });

  it('gives everything back to the buddy, to the frame', () => {
    const { slab, buddy, frames } = slabMachine();
    const cache = slab.createCache('record', 100)!;
    const before = buddy.buddyinfo();
    const objects = filled(1000, () => cache.alloc());
    expect(frames.held(PageOwner.SLAB) * PAGE_SIZE).toBe(cache.statistics().bytes);
    for (const object of objects) cache.free(object);
    expect(slab.shrink()).toBe(1);
    expect(buddy.buddyinfo()).toEqual(before);
    expect(frames.held(PageOwner.SLAB)).toBe(0);
  });

  it('does not ask the buddy again while its load sways around a full slab', () => {
    const { slab, buddy } = slabMachine();
    const cache = slab.createCache('record', 500)!;
    filled(cache.statistics().objectsPerSlab, () => cache.alloc());
    cache.free(cache.alloc()!);
    const { freeFrames } = buddy.counts();
    for (let i = 0; i < 10; i++) cache.free(cache.alloc()!);
    expect(buddy.counts().freeFrames).toBe(freeFrames);
  });

  it('returns null when memory is exhausted, and works again afterwards', () => {
    const { slab, buddy } = slabMachine(20 * MIB);
    const cache = slab.createCache('record', 2000)!;
    const taken: VirtAddr[] = [];
    for (let object = cache.alloc(); object !== null; object = cache.alloc()) taken.push(object);
    expect(buddy.buddyinfo().slice(cache.geometry.order)).toSatisfy((blocks: number[]) => blocks.every((n) => n === 0));
    cache.free(taken.pop()!);
    expect(cache.alloc()).not.toBeNull();
    expect(slab.validate()).toEqual([]);
  });

  it('hands out disjoint, aligned objects of its slabs, and every frame comes back: any history', () => {
    const step = fc.record({ cache: fc.nat(2), free: fc.boolean(), pick: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (history) => {
        const { slab, buddy, memory } = slabMachine();
        const caches = [
          slab.createCache('a', 24, 8)!,
          slab.createCache('b', 700, 64)!,
          slab.createCache('c', 4096, 256)!,
        ];
        const before = buddy.buddyinfo();
        const live: { cache: number; va: VirtAddr }[] = [];
        for (const { cache: index, free, pick } of history) {
          const cache = caches[index]!;
          if (free && live.length > 0) {
            const [{ cache: owner, va }] = live.splice(pick % live.length, 1) as [{ cache: number; va: VirtAddr }];
            expect(memory.read8(va), 'nobody else wrote into it').toBe(owner + 1);
            caches[owner]!.free(va);
          } else {
            const va = cache.alloc()!;
            expect(va % [8n, 64n, 256n][index]!).toBe(0n);
            memory.fill(va, cache.objectBytes, index + 1);
            live.push({ cache: index, va });
          }
        }
        expect(slab.validate()).toEqual([]);
        expect(slab.statistics().map(({ objectsInUse }) => objectsInUse)).toEqual(
          [0, 1, 2].map((index) => live.filter(({ cache }) => cache === index).length),
        );
        for (const { va } of live) slab.free(va);
        slab.shrink();
        expect(buddy.buddyinfo()).toEqual(before);
        expect(buddy.validate()).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});

describe('size classes', () => {
  it.each([
    [1, 16],
    [16, 16],
    [17, 32],
    [97, 128],
    [2048, 2048],
  ])('%d bytes come from the class of %d', (bytes, size) => {
    const { slab } = slabMachine();
    const va = slab.alloc(bytes)!;
    expect(slab.cacheOf(va)?.name).toBe(`size-${size}`);
    slab.free(va);
    expect(slab.validate()).toEqual([]);
  });

  it.each([0, -1, 2049, Number.NaN])('refuse %d bytes', (bytes) => {
    expect(panicOf(() => slabMachine().slab.alloc(bytes)).reason).toBe('Slab cache that cannot be made');
  });
});

describe('misuse', () => {
  it('a double free is found, also when the slab is empty by then', () => {
    const { slab } = slabMachine();
    const cache = slab.createCache('record', 64)!;
    const object = cache.alloc()!;
    cache.free(object);
    const panic = panicOf(() => cache.free(object));
    expect(panic.message).toBe('PANIC: Double free in a slab cache');
    expect(panic.detail).toContain(`cache 'record', address 0x${object.toString(16)}: object 0`);
  });

  it('a free into the wrong cache names the right one', () => {
    const { slab } = slabMachine();
    const right = slab.createCache('right', 64)!;
    const wrong = slab.createCache('wrong', 64)!;
    const panic = panicOf(() => wrong.free(right.alloc()!));
    expect(panic.reason).toBe(BadSlabFree.FOREIGN);
    expect(panic.detail).toContain("cache 'wrong'");
    expect(panic.detail).toContain("in a slab of cache 'right'");
  });

  it.each([
    ['below the direct map', virtAddr(0x1000n)],
    ['a frame that is no slab', virtAddr(DIRECT_MAP_BASE + BigInt(GIB))],
    ['outside RAM', virtAddr(DIRECT_MAP_BASE + 0x7fff_0000_0000n)],
  ])('a free of an address %s', (_, va) => {
    const { slab } = slabMachine();
    const cache = slab.createCache('record', 64)!;
    expect(panicOf(() => cache.free(va)).reason).toBe(BadSlabFree.FOREIGN);
  });

  it.each([1n, 63n])('a free of the inside of an object, %d bytes into it', (inside) => {
    const { slab } = slabMachine();
    const cache = slab.createCache('record', 64)!;
    const object = cache.alloc()!;
    expect(panicOf(() => cache.free(virtAddr(object + inside))).reason).toBe(BadSlabFree.NOT_AN_OBJECT);
  });

  it('a free of the slab header', () => {
    const { slab } = slabMachine();
    const cache = slab.createCache('record', 64)!;
    const header = virtAddr((cache.alloc()! / 4096n) * 4096n);
    expect(panicOf(() => cache.free(header)).reason).toBe(BadSlabFree.NOT_AN_OBJECT);
  });

  it('an overwritten header is found before it is believed', () => {
    const { slab, memory } = slabMachine();
    const cache = slab.createCache('record', 64)!;
    const object = cache.alloc()!;
    memory.write64(virtAddr((object / 4096n) * 4096n), 0n);
    expect(panicOf(() => cache.free(object)).reason).toBe(BadSlabFree.CORRUPT);
  });

  it('a damaged link is not followed', () => {
    const { slab, memory } = slabMachine();
    const cache = slab.createCache('record', 64)!;
    cache.alloc();
    memory.write64(virtAddr(cache.va + 64n), 0x1234n);
    expect(panicOf(() => cache.alloc()).reason).toBe(SLAB_LINK_CORRUPTED);
  });

  it.each([
    ['a name twice', 'taken', 64, 16],
    ['no name', '', 64, 16],
    ['a name that does not fit', 'a-name-of-24-characters!', 64, 16],
    ['no size', 'x', 0, 16],
    ['more than a page', 'x', 4097, 16],
    ['an alignment that is no power of two', 'x', 64, 24],
  ])('%s makes no cache', (_, name, bytes, align) => {
    const { slab } = slabMachine();
    slab.createCache('taken', 64);
    expect(panicOf(() => slab.createCache(name, bytes, align)).reason).toBe('Slab cache that cannot be made');
  });

  it('validate finds a count that is wrong', () => {
    const { slab, memory } = slabMachine();
    const cache = slab.createCache('record', 64)!;
    cache.alloc();
    memory.write32(virtAddr(cache.va + 24n), 7);
    expect(slab.validate()).toEqual(['cache record: in_use 7, counted 1']);
  });
});
