// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interface to a source of frames for the MMU code. The kernel's frame allocator implements it, so
 * that the HAL imports nothing of the kernel.
 */

import type { PhysAddr } from '#common/address.ts';

/** Source of single 4 KiB frames. Frames are not cleared. */
export interface PageAllocator {
  /** Allocates a frame of 4 KiB, or returns null when there is none. */
  allocPage(): PhysAddr | null;
  /** Frees a frame that `allocPage` of the same allocator returned. */
  freePage(pa: PhysAddr): void;
}
