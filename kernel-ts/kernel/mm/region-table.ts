// SPDX-License-Identifier: GPL-2.0-only
/**
 * Sorted array of regions in emulated RAM: the storage of memblock. It keeps order and capacity,
 * and knows nothing of memory or reservations.
 *
 * ```
 * table (16 bytes)                 entry (32 bytes)
 *  +0  u64 virtual address of       +0  u64 base        bytes
 *      the entries                  +8  u64 size        bytes
 *  +8  u32 count                    +16 u32 flags       RegionFlag
 *  +12 u32 capacity                 +20 u32 owner kind
 *                                   +24 u64 owner cookie
 * ```
 */

import { hex, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';
import { type Owner, ownerKind } from './owner.ts';

/** Size of the table's header, and of an entry, in bytes. */
export const TABLE_BYTES = 16;
export const ENTRY_BYTES = 32;

/** Flags of an entry. */
export const RegionFlag = {
  /** The region must not be mapped (Devicetree Specification v0.4, 3.5.4, `no-map`). */
  NOMAP: 1,
} as const;

/** Entry: a half-open range [base, base + size) with its owner. */
export interface Region {
  readonly base: number;
  readonly size: number;
  readonly flags: number;
  readonly owner: Owner;
}

/** Handle on a table; all state is in memory. */
export class RegionTable {
  readonly name: string;
  private readonly memory: MemoryPort;
  private readonly header: VirtAddr;

  /**
   * @param header address of the 16-byte header
   * @param name name of the table in panics
   */
  constructor(memory: MemoryPort, header: VirtAddr, name: string) {
    this.memory = memory;
    this.header = header;
    this.name = name;
  }

  /** Moves to `capacity` entries at `entries`, and copies the existing ones. */
  adopt(entries: VirtAddr, capacity: number): void {
    const count = this.count;
    if (count > 0) this.memory.writeBytes(entries, this.memory.readBytes(this.entries, count * ENTRY_BYTES));
    this.memory.write64(this.header, entries);
    this.memory.write32(this.at(12), capacity);
  }

  get count(): number {
    return this.memory.read32(this.at(8));
  }

  get capacity(): number {
    return this.memory.read32(this.at(12));
  }

  /** Virtual address of the entries. */
  get entries(): VirtAddr {
    return virtAddr(this.memory.read64(this.header));
  }

  base(index: number): number {
    return Number(this.memory.read64(this.entry(index)));
  }

  /** End of the region, exclusive. */
  end(index: number): number {
    const va = this.entry(index);
    return Number(this.memory.read64(va) + this.memory.read64(virtAddr(va + 8n)));
  }

  get(index: number): Region {
    const va = this.entry(index);
    return {
      base: Number(this.memory.read64(va)),
      size: Number(this.memory.read64(virtAddr(va + 8n))),
      flags: this.memory.read32(virtAddr(va + 16n)),
      owner: {
        kind: ownerKind(this.memory.read32(virtAddr(va + 20n))),
        cookie: this.memory.read64(virtAddr(va + 24n)),
      },
    };
  }

  /** Overwrites entry `index`. */
  set(index: number, region: Region): void {
    const va = this.entry(index);
    this.memory.write64(va, BigInt(region.base));
    this.memory.write64(virtAddr(va + 8n), BigInt(region.size));
    this.memory.write32(virtAddr(va + 16n), region.flags);
    this.memory.write32(virtAddr(va + 20n), region.owner.kind);
    this.memory.write64(virtAddr(va + 24n), region.owner.cookie);
  }

  /**
   * Inserts `region` at `index`. O(entries after it). @throws KernelPanic when the table is full
   */
  insert(index: number, region: Region): void {
    const count = this.count;
    if (count === this.capacity) {
      throw new KernelPanic(
        `Memory region table '${this.name}' is full`,
        `capacity ${count} at ${hex(this.entries)}; [${hex(region.base)}, ${hex(region.base + region.size)}) does not fit`,
      );
    }
    this.memory.write32(this.at(8), count + 1);
    this.move(index, index + 1, count - index);
    this.set(index, region);
  }

  /** Removes the entries [from, to). O(entries after them). */
  remove(from: number, to: number): void {
    const count = this.count;
    this.move(to, from, count - to);
    this.memory.write32(this.at(8), count - (to - from));
  }

  private move(from: number, to: number, count: number): void {
    if (count > 0 && from !== to) {
      this.memory.writeBytes(this.entry(to), this.memory.readBytes(this.entry(from), count * ENTRY_BYTES));
    }
  }

  private entry(index: number): VirtAddr {
    return virtAddr(this.entries + BigInt(index * ENTRY_BYTES));
  }

  private at(offset: number): VirtAddr {
    return virtAddr(this.header + BigInt(offset));
  }
}
