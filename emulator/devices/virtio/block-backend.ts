// SPDX-License-Identifier: GPL-2.0-only
/**
 * Storage of a disk's sectors. Disks in memory are here, disks in files in
 * workbench/host/node/drives.ts.
 */

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

/** Disk whose sectors are the bytes of an array. */
export class MemoryBackend implements BlockBackend {
  readonly sectors: number;
  readonly readOnly: boolean;
  private readonly bytes: Uint8Array;

  /**
   * @param bytes contents; an incomplete last sector is extended with zeros that are not part of
   * the array
   * @param readOnly false when absent
   */
  constructor(bytes: Uint8Array, options: { readonly readOnly?: boolean } = {}) {
    this.sectors = Math.ceil(bytes.length / SECTOR_BYTES);
    this.readOnly = options.readOnly ?? false;
    this.bytes = bytes;
  }

  read(sector: number, target: Uint8Array): void {
    const start = sector * SECTOR_BYTES;
    const source = this.bytes.subarray(start, start + target.length);
    target.set(source);
    target.fill(0, source.length);
  }

  write(sector: number, source: Uint8Array): void {
    const start = sector * SECTOR_BYTES;
    this.bytes.set(source.subarray(0, Math.max(0, this.bytes.length - start)), start);
  }

  flush(): void {}

  saveState(): Uint8Array {
    return this.bytes.slice();
  }

  restoreState(bytes: Uint8Array): void {
    this.bytes.set(bytes);
  }
}
