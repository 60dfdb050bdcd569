// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device registers in the direct map: mapped page by page, as device memory, when a driver first
 * needs them.
 */

import { alignDown, PAGE_SIZE, type PhysAddr, physAddr, type VirtAddr } from '#common/address.ts';
import { MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import { DIRECT_MAP_BYTES, physToVirt } from './direct-map.ts';
import type { MemorySystem } from './mm/memory.ts';

/**
 * Maps [base, base + bytes) and returns its address; null when that is impossible: beyond the
 * direct map, or where something other than a device is mapped. Pages that are already mapped as a
 * device stay unchanged. O(pages).
 * @throws MapError when tables run out
 */
export function mapRegisters({ kernelSpace }: MemorySystem, base: PhysAddr, bytes: number): VirtAddr | null {
  if (base + bytes > DIRECT_MAP_BYTES) return null;
  for (let page = alignDown(base, PAGE_SIZE); page < base + bytes; page += PAGE_SIZE) {
    const va = physToVirt(physAddr(page));
    const mapped = kernelSpace.translate(va);
    if (mapped.ok && mapped.attrs !== MemoryAttributes.device) return null;
    if (!mapped.ok) kernelSpace.mapPage(va, physAddr(page), MemoryAttributes.device);
  }
  return physToVirt(base);
}
