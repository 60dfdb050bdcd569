// SPDX-License-Identifier: GPL-2.0-only
/** Direct map, static data, spinlock, page flags. */

import { describe, expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { BssArena } from './bss.ts';
import { DIRECT_MAP_BYTES, physToVirt, virtToPhys } from '#kernel-ts/kernel/direct-map.ts';
import {
  ALLOCATED_HEAD,
  allocatedHeadState,
  decodeState,
  flagNames,
  FREE_HEAD,
  freeHeadState,
  MAX_BLOCK_FRAMES,
  MAX_ORDER,
  PAGE_STRUCT_BYTES,
  PAGE_STRUCT_WORDS,
  PageFlag,
  REFCOUNT_SHIFT,
} from './page.ts';
import { Spinlock } from './spinlock.ts';
import { fakeMemory } from './testing/fake-machine.ts';
import { FREE_AREA_WORDS, ZONE_BYTES, ZONE_FREE_AREA, ZONE_STRIDE } from './zone-layout.ts';

describe('direct map', () => {
  it.each([
    [0, 0xffff_8000_0000_0000n],
    [0x8_8000_0000, 0xffff_8008_8000_0000n],
    [DIRECT_MAP_BYTES - 1, 0xffff_ffff_ffff_ffffn],
  ])('%d is at %d', (pa, va) => {
    expect(physToVirt(physAddr(pa))).toBe(va);
    expect(virtToPhys(virtAddr(va))).toBe(pa);
  });

  it('ends at 2^47: an address beyond would wrap around', () => {
    expect(() => physToVirt(physAddr(DIRECT_MAP_BYTES))).toThrow(RangeError);
    expect(() => virtToPhys(virtAddr(0x4000_0000n))).toThrow(RangeError);
  });
});

describe('.bss', () => {
  it('lays variables out upward, aligned, and remembers them', () => {
    const bss = new BssArena(virtAddr(0x1004n), 0x100);
    expect(bss.reserve('a', 3, 1)).toBe(0x1004n);
    expect(bss.reserve('b', 8, 8)).toBe(0x1008n);
    expect(bss.reserve('c', 0x20, 0x40)).toBe(0x1040n);
    expect(bss.variables().map(({ name }) => name)).toEqual(['a', 'b', 'c']);
  });

  it('panics when full, and says what did not fit', () => {
    const bss = new BssArena(virtAddr(0x1000n), 0x100);
    bss.reserve('a', 0xf0, 8);
    expect(() => bss.reserve('b', 0x11, 1)).toThrow('PANIC: Static kernel data does not fit into .bss');
    expect(bss.reserve('c', 0x10, 1)).toBe(0x10f0n);
  });
});

describe('spinlock', () => {
  function lock() {
    const { memory, bss } = fakeMemory([]);
    const va = bss.reserve('lock', 4, 4);
    return { memory, va, lock: new Spinlock(memory, va, 'demo') };
  }

  it('is a word in memory: 1 when held, 0 when free', () => {
    const { memory, va, lock: demo } = lock();
    demo.acquire();
    expect([memory.read32(va), demo.held]).toEqual([1, true]);
    demo.release();
    expect([memory.read32(va), demo.held]).toEqual([0, false]);
  });

  it('names itself when a path takes it twice, whoever wrote the word', () => {
    const { memory, va, lock: demo } = lock();
    memory.write32(va, 1);
    expect(() => demo.acquire()).toThrow("PANIC: Deadlock: lock 'demo' is already held");
  });

  it('cannot be released when it is free', () => {
    expect(() => lock().lock.release()).toThrow("PANIC: Lock 'demo' released while it is not held");
  });
});

describe('struct Page', () => {
  it('has flags, order and refcount in one word, little-endian', () => {
    expect(freeHeadState(9)).toBe(0x0000_0909);
    expect(allocatedHeadState(9)).toBe(0x0001_090a);
    expect(decodeState(allocatedHeadState(20, PageFlag.EXACT))).toEqual({ flags: 0x2a, order: 20, refcount: 1 });
    expect(flagNames(PageFlag.HEAD | PageFlag.FREE)).toBe('FREE HEAD');
    expect([flagNames(0), flagNames(0x80)]).toEqual(['none', '0x80']);
  });

  it('has numbers that follow from each other, though they are written out', () => {
    expect(PAGE_STRUCT_BYTES).toBe(4 * PAGE_STRUCT_WORDS);
    expect(MAX_BLOCK_FRAMES).toBe(2 ** MAX_ORDER);
    expect(FREE_HEAD).toBe(PageFlag.HEAD | PageFlag.FREE);
    expect(ALLOCATED_HEAD).toBe(PageFlag.HEAD | PageFlag.ALLOCATED | (1 << REFCOUNT_SHIFT));
  });
});

describe('struct Zone', () => {
  it('has a list for each order and fits its stride', () => {
    expect(ZONE_BYTES).toBe(4 * (ZONE_FREE_AREA + (MAX_ORDER + 1) * FREE_AREA_WORDS));
    expect(ZONE_STRIDE).toBeGreaterThanOrEqual(ZONE_BYTES);
  });
});
