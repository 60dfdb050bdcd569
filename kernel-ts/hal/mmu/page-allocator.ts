// SPDX-License-Identifier: GPL-2.0-only
/**
 * The source of frames for the MMU code. The kernel's frame allocator satisfies it, so the HAL
 * imports nothing of the kernel (seed question Q3, option B).
 */

import type { PhysAddr } from '#common/address.ts';

/** A source of single 4 KiB frames. Frames are not cleared. */
export interface PageAllocator {
  /** A frame of 4 KiB, or null when there is none. */
  allocPage(): PhysAddr | null;
  /** Takes back a frame that `allocPage` of the same allocator returned. */
  freePage(pa: PhysAddr): void;
}
