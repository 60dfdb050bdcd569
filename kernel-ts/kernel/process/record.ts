// SPDX-License-Identifier: GPL-2.0-only
/**
 * Records of the process subsystem: small structures in emulated memory, read and written field by
 * field. In TypeScript, a record is only an address; two handles on one address are the same
 * record.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';

/** Source of records: a slab cache for objects of one size. */
export interface RecordCache {
  /** Allocates memory for a record, with undefined contents; null when there is none. */
  alloc(): VirtAddr | null;
  free(va: VirtAddr): void;
  /** Frees unused memory to the frame allocator. */
  shrink(): void;
}

/**
 * Base class of the handles: little-endian fields at byte offsets. An address field holds 0 for
 * none.
 */
export class RecordView {
  readonly memory: MemoryPort;
  readonly va: VirtAddr;

  constructor(memory: MemoryPort, va: VirtAddr) {
    this.memory = memory;
    this.va = va;
  }

  protected get32(offset: number): number {
    return this.memory.read32(this.at(offset));
  }

  protected set32(offset: number, value: number): void {
    this.memory.write32(this.at(offset), value);
  }

  protected get64(offset: number): bigint {
    return this.memory.read64(this.at(offset));
  }

  protected set64(offset: number, value: bigint): void {
    this.memory.write64(this.at(offset), value);
  }

  protected at(offset: number): VirtAddr {
    return virtAddr(this.va + BigInt(offset));
  }

  /** Reads the address in a field; null for none. */
  protected getLink(offset: number): VirtAddr | null {
    const link = this.get64(offset);
    return link === 0n ? null : virtAddr(link);
  }

  protected setLink(offset: number, link: VirtAddr | null): void {
    this.set64(offset, link ?? 0n);
  }
}
