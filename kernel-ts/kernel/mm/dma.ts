// SPDX-License-Identifier: GPL-2.0-only
/**
 * DMA buffers, which a device and the kernel share: physically contiguous, below the device's
 * address limit, not cached, cleared.
 *
 * ```
 *   direct map   |   normal write-back   |== buffer: normal non-cacheable ==|   normal write-back   |
 *   physical     |                       |==================================|                       |  va = pa + offset
 * ``` The buffer's own pages of the direct map change their memory type, by break-before-make;
 * there is no second mapping. A second mapping would leave the cacheable alias, and mappings of the
 * same memory with different types lose coherency (Arm ARM DDI 0487 K.a, B2.16, mismatched memory
 * attributes); to remove the alias would split the same blocks as to change it. The blocks of the
 * direct map stay split when a buffer is freed, for the next buffer there.
 *
 * Real hardware needs its cache lines cleaned and invalidated between break and make (DC CIVAC).
 * The model has no caches, so nothing here does it.
 */

import { hex, PAGE_SIZE, type PhysAddr, type VirtAddr } from '#common/address.ts';
import type { AddressSpace } from '#kernel-ts/hal/mmu/address-space.ts';
import { MemoryAttributes } from '#kernel-ts/hal/mmu/descriptor.ts';
import { MapError } from '#kernel-ts/hal/mmu/map-error.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import type { FrameAccount } from './frame-accounts.ts';

/** Buffer of 2^order frames. */
export interface DmaBuffer {
  /** Address for the device, aligned to the size. */
  readonly pa: PhysAddr;
  /** Address for the kernel. */
  readonly va: VirtAddr;
  readonly order: number;
  readonly bytes: number;
}

/** Source of the buffers' frames: an account for DMA. */
type DmaFrames = Pick<FrameAccount, 'allocBelow' | 'freeFrames'>;

/** Allocates and frees buffers. It keeps no state: the page tables record the frames. */
export class DmaBuffers {
  private readonly memory: MemoryPort;
  private readonly space: AddressSpace;
  private readonly account: DmaFrames;

  /** @param space the live kernel space, with every frame of the account in its direct map */
  constructor(memory: MemoryPort, space: AddressSpace, account: DmaFrames) {
    this.memory = memory;
    this.space = space;
    this.account = account;
  }

  /**
   * Allocates a cleared buffer of 2^order frames, entirely below physical address `limit`: 2^32 for
   * a device with 32 address lines. `null` when there is no such block, or no frame for the tables
   * of a split. O(free blocks below the limit). @throws KernelPanic as Buddy.allocFrames
   */
  alloc(order: number, limit: number): DmaBuffer | null {
    const pa = this.account.allocBelow(order, limit);
    if (pa === null) return null;
    const buffer = { pa, va: physToVirt(pa), order, bytes: PAGE_SIZE * 2 ** order };
    try {
      this.space.protect(buffer.va, buffer.bytes, MemoryAttributes.dma);
    } catch (error) {
      if (!(error instanceof MapError) || error.code !== 'AllocationFailed') throw error;
      this.account.freeFrames(pa, order);
      return null;
    }
    this.memory.fill(buffer.va, buffer.bytes, 0);
    return buffer;
  }

  /**
   * Frees a buffer: its pages become cacheable before they can be allocated again.
   * @throws KernelPanic `DMA free of memory that is no DMA buffer`, or as Buddy.freeFrames
   */
  free({ pa, va, order, bytes }: DmaBuffer): void {
    const found = this.space.translate(va);
    if (!found.ok || found.pa !== pa || found.attrs !== MemoryAttributes.dma) {
      throw new KernelPanic(
        'DMA free of memory that is no DMA buffer',
        `${bytes} bytes at ${hex(pa)}: ${found.ok ? 'mapped cacheable, so given back before or never a buffer' : 'not mapped'}`,
      );
    }
    this.space.protect(va, bytes, MemoryAttributes.kernelData);
    this.account.freeFrames(pa, order);
  }
}
