// SPDX-License-Identifier: GPL-2.0-only
/**
 * Faults of LevitateOS's MMU code, one test each, and its correct behaviour that must stay.
 */

import { describe, expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { mapDirect } from './direct-map.ts';
import { MemoryAttributes } from './descriptor.ts';
import { directVa, errorCode, makeFixture, makeLiveDirectMap, makeSpace } from './testing/fixture.ts';

const { kernelData, kernelCode, device } = MemoryAttributes;
const VA = virtAddr(0xffff_9000_0000_0000n);
const at = (offset: number) => virtAddr(VA + BigInt(offset));
const MIB2 = 2 ** 21;

describe('got wrong by LevitateOS', () => {
  it('mapping over an existing entry was silent: it is AlreadyMapped and the old mapping stays', () => {
    const { space } = makeSpace();
    space.mapPage(VA, physAddr(0x1000), kernelData);
    expect(errorCode(() => space.mapPage(VA, physAddr(0x2000), device))).toBe('AlreadyMapped');
    expect(space.translate(VA)).toMatchObject({ pa: 0x1000, attrs: kernelData });
  });

  it('a page inside a 2 MiB block dropped the rest of the block: the block is split and the rest stays', () => {
    const { space, machine } = makeSpace();
    space.mapBlock(VA, physAddr(0x4020_0000), 2, kernelData);
    space.mapPage(at(0x5000), physAddr(0x9000), device);
    expect(space.translate(at(0x5000))).toMatchObject({ pa: 0x9000, attrs: device, level: 3 });
    for (let page = 0; page < 512; page++) {
      if (page === 5) continue;
      const expected = { ok: true, pa: 0x4020_0000 + page * 4096, attrs: kernelData, level: 3 };
      expect(space.translate(at(page * 4096))).toMatchObject(expected);
    }
    expect(machine.violations).toEqual([]);
  });

  it('a block written over a table entry leaked its tables: it is AlreadyMapped and nothing is lost', () => {
    const { space, allocator } = makeSpace();
    space.mapPage(VA, physAddr(0x1000), kernelData);
    const before = allocator.out.size;
    expect(errorCode(() => space.mapBlock(VA, physAddr(0), 2, kernelData))).toBe('AlreadyMapped');
    expect(errorCode(() => space.mapRange(VA, physAddr(0), MIB2, kernelData))).toBe('AlreadyMapped');
    space.unmapPage(VA);
    expect([before, allocator.out.size]).toEqual([4, 1]);
  });

  it('there was no break-before-make: a changed address leaves no stale translation', () => {
    const { space, machine } = makeSpace();
    space.mapBlock(VA, physAddr(0x4020_0000), 2, kernelData);
    expect(machine.lookUp(at(0x5000))?.pa).toBe(0x4020_5000);
    space.mapPage(at(0x5000), physAddr(0x9000), kernelData);
    expect(machine.lookUp(at(0x5000))?.pa).toBe(0x9000);
    expect(machine.violations).toEqual([]);
  });

  it('unmap handed PT_POOL tables to the buddy: they go back to the pool', () => {
    const { mmu, allocator } = makeFixture();
    const space = mmu.createSpace('high');
    space.mapPage(VA, physAddr(0x1000), kernelData);
    expect(mmu.pool.used).toBe(4);
    mmu.setPageAllocator(allocator);
    space.unmapPage(VA); // the fake allocator throws on a frame that is not its own
    expect([mmu.pool.used, allocator.out.size]).toEqual([1, 0]);
  });

  it('kernel text was writable: a write to kernelCode is a permission fault, and no mapping breaks W^X', () => {
    const { mmu, space } = makeSpace();
    space.mapRange(VA, physAddr(0x4020_0000), 3 * 4096, kernelCode);
    expect(space.translate(VA, { kind: 'write', el: 1 })).toMatchObject({ fault: 'permission', level: 3, fsc: 0x0f });
    expect(space.translate(VA, { kind: 'execute', el: 1 }).ok).toBe(true);
    expect(mmu.report(space).writableAndExecutable).toEqual([]);
  });

  it('only the first 1 GiB of RAM was mapped high: both banks of the Pixel 6 are, with eight entries', () => {
    const { space } = makeSpace();
    const banks: [number, number][] = [
      [0x8000_0000, 0x1_0000_0000],
      [0x8_8000_0000, 0xa_0000_0000],
    ];
    const counts = mapDirect(
      space,
      0xffff_8000_0000_0000n,
      banks.map(([start, end]) => ({ start: physAddr(start), end: physAddr(end), attrs: kernelData })),
    );
    expect(counts).toEqual({ blocks1GiB: 8, blocks2MiB: 0, pages4KiB: 0 });
    expect(space.translate(directVa(0x9_ffff_ffff))).toMatchObject({ ok: true, pa: 0x9_ffff_ffff });
    expect(space.translate(directVa(0x1_0000_0000)).ok).toBe(false);
  });

  it('no fallback once the allocator was set: an empty allocator means the pool', () => {
    const { mmu, allocator } = makeFixture();
    allocator.budget = 0;
    mmu.setPageAllocator(allocator);
    mmu.createSpace('high').mapPage(VA, physAddr(0x1000), kernelData);
    expect([mmu.pool.used, mmu.pool.fromAllocator]).toEqual([4, 0]);
  });

  it('splitting the block that holds the tables themselves would lose them: the live direct map survives it', () => {
    const { space, machine } = makeLiveDirectMap();
    space.unmapPage(directVa(0x4000_0000 + 0x10_0000));
    space.mapPage(VA, physAddr(0x1000), kernelData);
    expect(machine.lookUp(VA)?.pa).toBe(0x1000);
  });
});
