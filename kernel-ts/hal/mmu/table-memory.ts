// SPDX-License-Identifier: GPL-2.0-only
/**
 * Access to page tables in memory: frames through the direct map, VA = PA + physicalOffset.
 *
 * Every read and write goes to emulated RAM through the memory port; no table is kept in
 * JavaScript. An access to an unmapped address aborts (`DataAbort` of the port), as it would for
 * compiled code.
 */

import { PAGE_SIZE, type PhysAddr, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { ENTRIES_PER_TABLE } from './descriptor.ts';

/** Reads and writes frames by physical address through the direct map. */
export class TableMemory {
  readonly port: MemoryPort;
  /** Offset from a physical address to its direct-map address. */
  readonly physicalOffset: bigint;

  constructor(port: MemoryPort, physicalOffset: bigint) {
    this.port = port;
    this.physicalOffset = physicalOffset;
  }

  /** Direct-map address of `pa`. */
  va(pa: number): VirtAddr {
    return virtAddr(this.physicalOffset + BigInt(pa));
  }

  /** Reads the descriptor at `index` (0 to 511) of a table. */
  readEntry(table: PhysAddr, index: number): bigint {
    return this.port.read64(this.va(table + index * 8));
  }

  /**
   * Writes a descriptor by one 64-bit store, which a walker sees as a whole or not at all. No
   * barrier.
   */
  writeEntry(table: PhysAddr, index: number, descriptor: bigint): void {
    this.port.write64(this.va(table + index * 8), descriptor);
  }

  /** Reads all 512 descriptors of a table in one bulk read. */
  readTable(table: PhysAddr): BigUint64Array {
    const bytes = this.port.readBytes(this.va(table), PAGE_SIZE);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const entries = new BigUint64Array(ENTRIES_PER_TABLE);
    for (let index = 0; index < ENTRIES_PER_TABLE; index++) entries[index] = view.getBigUint64(index * 8, true);
    return entries;
  }

  /** Writes 512 descriptors to a frame that no live entry points to, in one bulk write. */
  writeTable(table: PhysAddr, entries: BigUint64Array): void {
    const view = new DataView(new ArrayBuffer(PAGE_SIZE));
    for (const [index, entry] of entries.entries()) view.setBigUint64(index * 8, entry, true);
    this.port.writeBytes(this.va(table), new Uint8Array(view.buffer));
  }

  /** Clears a frame. */
  zero(frame: PhysAddr): void {
    this.port.fill(this.va(frame), PAGE_SIZE, 0);
  }
}
