// SPDX-License-Identifier: GPL-2.0-only
/** Storage of a disk's sectors. Disks in files are in workbench/host/node/drives.ts. */

import type { SavedState } from '#emulator/bus/saved-state.ts';

/**
 * Size of a sector in bytes: the unit of virtio-blk, whatever the disk's own block size (VIRTIO
 * 1.2, 5.2.4).
 */
export const SECTOR_BYTES = 512;

/**
 * Thrown when a disk could not read or write. The guest sees an I/O error of that request, and the
 * run continues.
 */
export class BlockBackendError extends Error {
  constructor(problem: string) {
    super(problem);
    this.name = 'BlockBackendError';
  }
}

/**
 * Disk. Callers stay inside [0, sectors); buffers are whole sectors. Every method may throw {@link
 * BlockBackendError}.
 */
export interface BlockBackend {
  /** Size in sectors; constant. */
  readonly sectors: number;
  /** True when `write` must not be called. */
  readonly readOnly: boolean;
  /** Reads sectors into `target`, from `sector` on. */
  read(sector: number, target: Uint8Array): void;
  /** Writes `source`, from `sector` on. The caller may reuse `source`. */
  write(sector: number, source: Uint8Array): void;
  /**
   * Written sectors that are stored nowhere else: everything that a snapshot must keep of the disk.
   */
  saveState(): SavedState;
  restoreState(state: SavedState): void;
  /** Returns once all written data is safe. */
  flush(): void;
}
