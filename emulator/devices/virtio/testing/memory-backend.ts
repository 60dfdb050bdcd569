// SPDX-License-Identifier: GPL-2.0-only
/** A disk in memory, for tests. */

import { type BlockBackend, SECTOR_BYTES } from '#emulator/devices/virtio/block-backend.ts';

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
