// SPDX-License-Identifier: GPL-2.0-only
/** mem_map: size, place, panics, and the way between frame numbers and descriptors. */

import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { virtAddr } from '#common/address.ts';
import { type BaseAndSize, placeOf, rangeOf } from '#common/range.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { MAX_SECTION_FRAMES, MemMap, placeMemMap, planMemMap } from './mem-map.ts';
import { RESERVED_STATE } from './page.ts';
import { fakeMachine, fakeMemblock, GIB, MIB, PIXEL6_BANKS } from './testing/fake-machine.ts';

const P = 4096;

function panicOf(banks: readonly BaseAndSize[], reserved: readonly BaseAndSize[], limit?: number): KernelPanic {
  try {
    placeMemMap(fakeMemblock(banks, reserved).memblock, limit);
  } catch (error) {
    if (error instanceof KernelPanic) return error;
    throw error;
  }
  throw new Error('no panic');
}

describe('size', () => {
  it.each([
    ['qemu-virt, 1 GiB', [{ base: 0x4000_0000, size: GIB }], 262_144, 6_291_456],
    ['pixel6, 8 GiB in two banks 30 GiB apart', PIXEL6_BANKS, 2_097_152, 50_331_648],
  ])('%s', (_, banks, entries, bytes) => {
    expect(planMemMap(banks.map(rangeOf))).toMatchObject({ entries, bytes });
  });

  it('cuts a bank of more than 512 GiB where no block can cross', () => {
    const base = 512 * GIB - 4 * GIB;
    const { sections } = planMemMap([rangeOf({ base, size: 1024 * GIB })]);
    expect(sections.map(({ startPfn, endPfn }) => (endPfn - startPfn) / (GIB / P))).toEqual([4, 512, 508]);
    expect(sections.slice(1).every(({ startPfn }) => startPfn % MAX_SECTION_FRAMES === 0)).toBe(true);
  });
});

describe('place', () => {
  it('is the first free range that fits; the smaller ones are explained', () => {
    const { memblock } = fakeMemblock([{ base: 0, size: GIB }], [{ base: MIB, size: MIB }]);
    const placement = placeMemMap(memblock);
    expect(placement.base).toBe(2 * MIB);
    expect(placement.holes.map(({ accepted }) => accepted)).toEqual([false, true]);
    expect([...memblock.freeRanges()].map(placeOf)).toEqual([
      { base: 0, size: MIB },
      { base: 8 * MIB, size: GIB - 8 * MIB },
    ]);
  });

  it('panics when the tree names no RAM', () => {
    const panic = panicOf([], []);
    expect(panic.message).toBe('PANIC: No RAM regions found in DTB');
    expect(panic.detail).toBe('regions found: 0, bytes in partial pages: 0, bytes beyond 2^47: 0');
  });

  it('panics the same way when the only region holds no whole page', () => {
    expect(panicOf([{ base: 0x100, size: 0x1000 }], []).reason).toBe('No RAM regions found in DTB');
  });

  it('panics when reservations cover all RAM', () => {
    const panic = panicOf(
      [{ base: GIB, size: GIB }],
      [
        { base: GIB, size: 512 * MIB },
        { base: GIB, size: 4 * GIB },
      ],
    );
    expect(panic.message).toBe('PANIC: All RAM is reserved — no free memory');
    expect(panic.detail).toBe('RAM 1073741824 bytes in 1 regions, 2 reserved ranges cover all 1073741824 bytes');
    expect([...new TextEncoder().encode(panic.reason)].join()).toContain('226,128,148');
  });

  it('panics when RAM is free but no hole is large enough', () => {
    const largest = 4 * MIB - P;
    const panic = panicOf(
      [{ base: 0, size: 800 * MIB }],
      [
        { base: 4 * MIB, size: 796 * MIB },
        { base: 0, size: P },
      ],
    );
    expect(panic.message).toBe('PANIC: Cannot allocate mem_map — insufficient contiguous memory');
    expect(panic.detail).toBe(
      `RAM ${800 * MIB} bytes in 1 regions, 2 reserved ranges; ${(800 * MIB * 24) / P} bytes needed for ${200 * 1024} frames, ` +
        `${largest} bytes free in 1 holes, largest hole ${largest} bytes`,
    );
  });

  it('panics when the only hole is above what is mapped', () => {
    const panic = panicOf([{ base: GIB, size: GIB }], [{ base: GIB, size: 512 * MIB }], GIB + 512 * MIB);
    expect(panic.reason).toBe('Cannot allocate mem_map — insufficient contiguous memory');
    expect(panic.detail).toContain('must end at or below 0x60000000');
  });
});

describe('initialise', () => {
  it.each([12, 14, 24])('sets every descriptor to RESERVED, also across pieces of 2^%d bytes', (chunkShift) => {
    const banks = [
      { base: 0x3000, size: 5 * MIB },
      { base: GIB, size: 3 * MIB + 0x5000 },
    ];
    const { memory, memblock } = fakeMemblock(banks, [], chunkShift);
    const map = new MemMap(memory, placeMemMap(memblock));
    const fence = virtAddr(map.va + BigInt(map.bytes));
    memory.write64(fence, 0x1122_3344_5566_7788n);
    map.initialise();
    const bytes = new Uint32Array(memory.readBytes(map.va, map.bytes).buffer);
    expect(bytes.every((word, i) => word === (i % 6 === 0 ? RESERVED_STATE : 0))).toBe(true);
    expect(memory.read64(fence)).toBe(0x1122_3344_5566_7788n);
  });
});

it('takes frame numbers to descriptors and back, and knows what is no RAM', () => {
  const { map } = fakeMachine([
    { base: 0x10_0000, size: 8 * MIB },
    { base: GIB, size: 8 * MIB },
  ]);
  const pfn = fc.oneof(fc.integer({ min: 0, max: 3000 }), fc.integer({ min: GIB / P - 100, max: GIB / P + 3000 }));
  fc.assert(
    fc.property(pfn, (n) => {
      const isRam = (n >= 0x100 && n < 0x100 + 2048) || (n >= GIB / P && n < GIB / P + 2048);
      const page = map.pfnToPage(n);
      expect(page !== null).toBe(isRam);
      if (page !== null) expect(map.pageToPfn(page)).toBe(n);
    }),
  );
  expect(map.pageToPfn(virtAddr(map.va + 8n))).toBeNull();
  expect(map.pageToPfn(virtAddr(map.va - 24n))).toBeNull();
  expect(map.pageToPfn(virtAddr(map.va + BigInt(map.bytes)))).toBeNull();
});
