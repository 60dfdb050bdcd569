// SPDX-License-Identifier: GPL-2.0-only
/**
 * DMA buffers on the MMU code's own test machine, whose TLB remembers what nobody dropped and whose
 * tables must be broken before they are made.
 */

import { describe, expect, it } from 'vitest';
import { type PhysAddr, physAddr, virtAddr } from '#common/address.ts';
import { MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import { directVa, makeLiveDirectMap } from '#kernel-ts/hal/mmu/testing/fixture.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { type DmaBuffer, DmaBuffers } from './dma.ts';

const P = 4096;
/** Inside the 1 GiB block of the live direct map, which holds its own tables too. */
const PLACE = physAddr(0x4800_0000);

/** A live direct map of one 1 GiB block, and frames that are always at {@link PLACE}. */
function dmaMachine() {
  const fixture = makeLiveDirectMap();
  const log: string[] = [];
  const frames = {
    allocBelow: (order: number, limit: number): PhysAddr | null => {
      log.push(`alloc ${order} below ${limit}`);
      return PLACE + P * 2 ** order <= limit ? PLACE : null;
    },
    freeFrames: (frame: PhysAddr, order: number): void => {
      log.push(`free 0x${frame.toString(16)} ${order}`);
    },
  };
  return { ...fixture, log, dma: new DmaBuffers(fixture.machine.memory, fixture.space, frames) };
}

describe('a DMA buffer', () => {
  it('is not cached, page by page, and its neighbours still are', () => {
    const { dma, space, machine } = dmaMachine();
    const buffer = dma.alloc(2, 2 ** 32)!;
    expect(buffer).toEqual({ pa: PLACE, va: directVa(PLACE), order: 2, bytes: 4 * P });
    const attributes = [-1, 0, 1, 2, 3, 4].map((page) => space.translate(directVa(PLACE + page * P)));
    expect(attributes.map((found) => found.ok && found.attrs)).toEqual([
      MemoryAttributes.kernelData,
      ...new Array(4).fill(MemoryAttributes.dma),
      MemoryAttributes.kernelData,
    ]);
    expect(machine.violations, 'break-before-make').toEqual([]);
  });

  it('is cleared through the mapping that it keeps', () => {
    const { dma, machine } = dmaMachine();
    machine.poke(PLACE + 8, 0xdead_beefn);
    machine.poke(PLACE + 2 * P - 8, 0xdead_beefn);
    machine.poke(PLACE + 2 * P, 0xfeedn);
    const { va } = dma.alloc(1, 2 ** 32)!;
    expect([machine.peek(PLACE + 8), machine.peek(PLACE + 2 * P - 8)]).toEqual([0n, 0n]);
    expect(machine.peek(PLACE + 2 * P), 'the page after it').toBe(0xfeedn);
    expect(machine.lookUp(va)?.pa, 'one mapping, no stale TLB entry').toBe(PLACE);
  });

  it('is cacheable again when it is given back, before its frames are', () => {
    const { dma, space, machine, log } = dmaMachine();
    const buffer = dma.alloc(3, 2 ** 32)!;
    dma.free(buffer);
    expect(log).toEqual(['alloc 3 below 4294967296', 'free 0x48000000 3']);
    for (let page = 0; page < 8; page++) {
      const found = space.translate(directVa(PLACE + page * P));
      expect(found.ok && found.attrs).toBe(MemoryAttributes.kernelData);
    }
    expect(machine.violations).toEqual([]);
  });

  it('costs no more tables where one was before', () => {
    const { dma, allocator } = dmaMachine();
    dma.free(dma.alloc(0, 2 ** 32)!);
    const tables = allocator.out.size;
    for (let i = 0; i < 5; i++) dma.free(dma.alloc(4, 2 ** 32)!);
    expect(allocator.out.size).toBe(tables);
  });

  it('is null when no frames are below the limit, and nothing changed', () => {
    const { dma, machine } = dmaMachine();
    machine.events.length = 0;
    expect(dma.alloc(0, 2 ** 30)).toBeNull();
    expect(machine.events).toEqual([]);
  });

  it('is null when there is no table for the split, and the frames go back', () => {
    const { dma, allocator, mmu, log, space } = dmaMachine();
    allocator.budget = 0;
    while (mmu.pool.allocPage() !== null) continue;
    expect(dma.alloc(0, 2 ** 32)).toBeNull();
    expect(log).toEqual(['alloc 0 below 4294967296', 'free 0x48000000 0']);
    const found = space.translate(directVa(PLACE));
    expect(found.ok && found.attrs).toBe(MemoryAttributes.kernelData);
  });

  it.each<[string, (buffer: DmaBuffer) => DmaBuffer, string]>([
    ['twice', (buffer) => buffer, 'mapped cacheable'],
    ['that never was one', (buffer) => ({ ...buffer, pa: physAddr(PLACE + P), va: directVa(PLACE + P) }), 'cacheable'],
    ['outside memory', (buffer) => ({ ...buffer, va: virtAddr(directVa(2 ** 40)) }), 'not mapped'],
  ])('given back %s is a panic', (_, change, why) => {
    const { dma } = dmaMachine();
    const buffer = dma.alloc(0, 2 ** 32)!;
    dma.free(buffer);
    try {
      dma.free(change(buffer));
    } catch (error) {
      expect(error).toBeInstanceOf(KernelPanic);
      expect((error as KernelPanic).reason).toBe('DMA free of memory that is no DMA buffer');
      expect((error as KernelPanic).detail).toContain(why);
      return;
    }
    throw new Error('no panic');
  });
});
