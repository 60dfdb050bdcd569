// SPDX-License-Identifier: GPL-2.0-only
/**
 * Common fixture of the tests of the MMU code.
 *
 * ```
 *  0x4000_0000  PT_POOL (64 KiB)   0x4002_0000  its state   0x4100_0000  frames of the fake allocator
 * ```
 */

import type { VirtAddr } from '#common/address.ts';
import { physAddr, virtAddr } from '#common/address.ts';
import type { AddressSpace } from '#kernel-ts/hal/mmu/address-space.ts';
import { MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import type { MapErrorCode } from '#kernel-ts/hal/mmu/map-error.ts';
import { MapError } from '#kernel-ts/hal/mmu/map-error.ts';
import { Mmu } from '#kernel-ts/hal/mmu/mmu.ts';
import type { Half } from '#kernel-ts/hal/mmu/virtual-range.ts';
import { FakeAllocator, FakeMachine } from './fake-ports.ts';

export const POOL_BASE = physAddr(0x4000_0000);
export const POOL_STATE = physAddr(0x4002_0000);
export const FRAMES_BASE = physAddr(0x4100_0000);

/** Machine with an MMU object and an allocator that is not injected yet. */
export interface Fixture {
  readonly machine: FakeMachine;
  readonly mmu: Mmu;
  readonly allocator: FakeAllocator;
}

export function makeFixture(frames = 4096): Fixture {
  const machine = new FakeMachine();
  const mmu = new Mmu({
    ports: machine.ports,
    physicalOffset: machine.physicalOffset,
    poolBase: POOL_BASE,
    poolState: POOL_STATE,
  });
  for (let table = 0; table < 16; table++) machine.watchTable(physAddr(POOL_BASE + table * 4096));
  return { machine, mmu, allocator: new FakeAllocator(machine, FRAMES_BASE, frames) };
}

/**
 * Fixture whose tables come from the allocator, with an empty tree that TTBR0 or TTBR1 points to.
 */
export function makeSpace(half: Half = 'high', frames?: number): Fixture & { readonly space: AddressSpace } {
  const fixture = makeFixture(frames);
  fixture.mmu.setPageAllocator(fixture.allocator);
  const space = fixture.mmu.createSpace(half);
  if (half === 'high') fixture.mmu.switchTtbr1(space);
  else fixture.mmu.setTtbr0(space);
  fixture.machine.events.length = 0;
  return { ...fixture, space };
}

/**
 * Live high tree that maps RAM [0x4000_0000, 0x8000_0000) as one 1 GiB block of the direct map,
 * which contains all its tables; from here on, the ports translate through it.
 */
export function makeLiveDirectMap(): Fixture & { readonly space: AddressSpace } {
  const fixture = makeSpace('high');
  fixture.space.mapBlock(directVa(0x4000_0000), physAddr(0x4000_0000), 1, MemoryAttributes.kernelData);
  fixture.machine.translated = true;
  fixture.machine.events.length = 0;
  return fixture;
}

/** Direct-map address of `pa`. */
export function directVa(pa: number): VirtAddr {
  return virtAddr(0xffff_8000_0000_0000n + BigInt(pa));
}

/** Code of the {@link MapError} that `action` throws, or null. Other errors are rethrown. */
export function errorCode(action: () => unknown): MapErrorCode | null {
  try {
    action();
    return null;
  } catch (error) {
    if (error instanceof MapError) return error.code;
    throw error;
  }
}
