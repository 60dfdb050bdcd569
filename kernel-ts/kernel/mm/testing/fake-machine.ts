// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory of a machine, set up as at boot, for tests and benches: from banks and reservations to an
 * allocator.
 *
 * ```
 * BSS_BASE (outside RAM)  .bss, 64 KiB, zeroed
 * banks                   RAM, poisoned
 * ```
 */

import { physAddr } from '#common/address.ts';
import { type BaseAndSize, rangeOf } from '#common/range.ts';
import { BssArena } from '#kernel-ts/kernel/mm/bss.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { Buddy, zoneBytes } from '#kernel-ts/kernel/mm/buddy.ts';
import { MemMap, placeMemMap } from '#kernel-ts/kernel/mm/mem-map.ts';
import { Memblock } from '#kernel-ts/kernel/mm/memblock.ts';
import { type Owner, OwnerKind } from '#kernel-ts/kernel/mm/owner.ts';
import { FakeMemory } from './fake-memory.ts';

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

/** Base of .bss: an address that no test uses as RAM. */
export const BSS_BASE = 2 ** 44;
export const BSS_BYTES = 64 * 1024;

/** The Pixel 6's two banks. */
export const PIXEL6_BANKS: readonly BaseAndSize[] = [
  { base: 0x8000_0000, size: 2 * GIB },
  { base: 0x8_8000_0000, size: 6 * GIB },
];

export const TEST_OWNER: Owner = { kind: OwnerKind.OTHER, cookie: 0n };

/** Memory in which `banks` and .bss are mapped, and an arena on that .bss. */
export function fakeMemory(banks: readonly BaseAndSize[], chunkShift?: number): { memory: FakeMemory; bss: BssArena } {
  const memory = new FakeMemory([...banks, { base: BSS_BASE, size: BSS_BYTES }], 0xa5, chunkShift);
  const base = physToVirt(physAddr(BSS_BASE));
  memory.fill(base, BSS_BYTES, 0);
  return { memory, bss: new BssArena(base, BSS_BYTES) };
}

/** memblock with `banks` and `reserved`. */
export function fakeMemblock(
  banks: readonly BaseAndSize[],
  reserved: readonly BaseAndSize[] = [],
  chunkShift?: number,
) {
  const { memory, bss } = fakeMemory(banks, chunkShift);
  const memblock = new Memblock(memory, bss);
  memblock.ensureCapacity({ memory: banks.map(rangeOf), reserved: reserved.map(rangeOf) });
  for (const { base, size } of banks) {
    memblock.add(base, size);
  }
  for (const { base, size } of reserved) {
    memblock.reserve(base, size, { owner: TEST_OWNER });
  }
  return { memory, bss, memblock };
}

/** As {@link fakeMemblock}, with mem_map and an allocator that has all free memory. */
export function fakeMachine(banks: readonly BaseAndSize[], reserved: readonly BaseAndSize[] = [], chunkShift?: number) {
  const { memory, bss, memblock } = fakeMemblock(banks, reserved, chunkShift);
  const map = new MemMap(memory, placeMemMap(memblock));
  map.initialise();
  const zones = zoneBytes(map);
  const place = zones === 0 ? undefined : memblock.alloc(zones, 4096, { owner: { kind: OwnerKind.ZONES, cookie: 0n } });
  const buddy = new Buddy(memory, bss, map, place === undefined || place === null ? undefined : physToVirt(place));
  addFreeRanges(buddy, memblock);
  return { memory, bss, memblock, map, buddy };
}

/** Adds all memory that is not reserved to the allocator. */
export function addFreeRanges(buddy: Buddy, memblock: Memblock): void {
  for (const { start, end } of memblock.freeRanges()) buddy.addRange(physAddr(start), physAddr(end));
}
