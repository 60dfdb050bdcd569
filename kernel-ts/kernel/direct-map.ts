// SPDX-License-Identifier: GPL-2.0-only
/**
 * The direct map: all of physical memory at a fixed virtual offset. It converts addresses; the
 * HAL's MMU code does the mapping.
 *
 * ```
 * VA 0xFFFF_8000_0000_0000                              0xFFFF_FFFF_FFFF_FFFF
 *    |------------------------ 2^47 bytes ------------------------|
 * PA 0x0000_0000_0000                                0x7FFF_FFFF_FFFF
 * ```
 *
 * The upper half of TTBR1's 48-bit range (Arm ARM DDI 0487 K.a, D8.1) holds 2^47 bytes: one bit
 * less than a 48-bit physical address. RAM at or above 2^47 has no address here, so memblock clips
 * it and says so.
 */

import { type PhysAddr, physAddr, type VirtAddr, virtAddr } from '#common/address.ts';

/** Virtual address of physical address zero. */
export const DIRECT_MAP_BASE: VirtAddr = virtAddr(0xffff_8000_0000_0000n);

/** Size of the direct map: physical addresses must be below this. */
export const DIRECT_MAP_BYTES = 2 ** 47;

/** Virtual address of `pa`. @throws RangeError when `pa` is not below 2^47 */
export function physToVirt(pa: PhysAddr): VirtAddr {
  if (pa >= DIRECT_MAP_BYTES) {
    throw new RangeError(`physical address 0x${pa.toString(16)} is beyond the direct map (2^47 bytes)`);
  }
  return virtAddr(DIRECT_MAP_BASE + BigInt(pa));
}

/** Physical address of `va`. @throws RangeError when `va` is not in the direct map */
export function virtToPhys(va: VirtAddr): PhysAddr {
  if (va < DIRECT_MAP_BASE) {
    throw new RangeError(`virtual address 0x${va.toString(16)} is not in the direct map`);
  }
  return physAddr(Number(va - DIRECT_MAP_BASE));
}
