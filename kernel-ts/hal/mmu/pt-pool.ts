// SPDX-License-Identifier: GPL-2.0-only
/**
 * PT_POOL: sixteen page tables inside the kernel image, for the time before the kernel has a frame
 * allocator, and for times when that allocator is empty. Boot assembly uses the first few.
 *
 * ```
 *  base                                            state (4 × u32, little-endian, in the image's BSS)
 *  +--------+--------+-----     -----+--------+    +0   bitmap: bit i set = table i taken
 *  | table 0| table 1|      ...      |table 15|    +4   peak: most tables ever taken at once
 *  +--------+--------+-----     -----+--------+    +8   tables now taken from the injected allocator
 *    4 KiB                                         +12  most of those at once
 * ```
 * The state lives in emulated RAM, so a debugger or a dump shows it and the assembly may fill it
 * in.
 */

import { PAGE_SIZE, type PhysAddr, hex, physAddr } from '#common/address.ts';
import type { PageAllocator } from './page-allocator.ts';
import type { TableMemory } from './table-memory.ts';

/** Number of tables in the pool. */
export const PT_POOL_TABLES = 16;
/** Size of the pool in bytes. */
export const PT_POOL_BYTES = PT_POOL_TABLES * PAGE_SIZE;
/** Size of its state in bytes, aligned to 4. */
export const PT_POOL_STATE_BYTES = 16;

const BITMAP = 0;
const PEAK = 4;
const FROM_ALLOCATOR = 8;
const FROM_ALLOCATOR_PEAK = 12;

/** Thrown when the pool cannot accept a table: a bug of the kernel. */
export class PtPoolError extends Error {
  constructor(detail: string) {
    super(`PT_POOL: ${detail}`);
    this.name = 'PtPoolError';
  }
}

/** Static pool; itself a {@link PageAllocator}. Invariant: used <= peak <= 16. */
export class PtPool implements PageAllocator {
  readonly base: PhysAddr;
  /** Number of tables in the pool. */
  readonly size: number = PT_POOL_TABLES;
  private readonly memory: TableMemory;
  private readonly state: PhysAddr;

  /**
   * @param base first table, a multiple of 4 KiB; @param state the four words, zero in a fresh
   * image
   * @throws RangeError when `base` is not page aligned or `state` not word aligned
   */
  constructor(memory: TableMemory, base: PhysAddr, state: PhysAddr) {
    if (base % PAGE_SIZE !== 0 || state % 4 !== 0) {
      throw new RangeError(`PT_POOL at ${hex(base)} or its state at ${hex(state)} is misaligned`);
    }
    this.base = base;
    this.memory = memory;
    this.state = state;
  }

  /** Number of tables in use. */
  get used(): number {
    let count = 0;
    for (let bits = this.read(BITMAP); bits !== 0; bits &= bits - 1) count++;
    return count;
  }

  /** Most tables that were ever in use at once. */
  get peak(): number {
    return this.read(PEAK);
  }

  /** Tables taken from the injected allocator and not yet returned to it. */
  get fromAllocator(): number {
    return this.read(FROM_ALLOCATOR);
  }

  /** Most such tables at once. */
  get fromAllocatorPeak(): number {
    return this.read(FROM_ALLOCATOR_PEAK);
  }

  /** True when `pa` lies in the pool. */
  owns(pa: PhysAddr): boolean {
    return pa >= this.base && pa < this.base + PT_POOL_BYTES;
  }

  /**
   * Marks table `index` as taken, for those that boot assembly uses.
   * @throws PtPoolError when out of range or taken already
   */
  markUsed(index: number): void {
    if (!Number.isInteger(index) || index < 0 || index >= PT_POOL_TABLES) throw new PtPoolError(`no table ${index}`);
    const bitmap = this.read(BITMAP);
    const bit = 1 << index;
    if ((bitmap & bit) !== 0) throw new PtPoolError(`table ${index} is taken already`);
    this.write(BITMAP, bitmap | bit);
    const used = this.used;
    if (used > this.peak) this.write(PEAK, used);
  }

  /** Allocates the lowest free table; null when all sixteen are in use. */
  allocPage(): PhysAddr | null {
    const bitmap = this.read(BITMAP);
    for (let index = 0; index < PT_POOL_TABLES; index++) {
      if ((bitmap & (1 << index)) !== 0) continue;
      this.markUsed(index);
      return physAddr(this.base + index * PAGE_SIZE);
    }
    return null;
  }

  /** Frees a table. @throws PtPoolError when it is not of the pool, misaligned, or already free */
  freePage(pa: PhysAddr): void {
    if (!this.owns(pa) || (pa - this.base) % PAGE_SIZE !== 0) throw new PtPoolError(`${hex(pa)} is not a table of it`);
    const index = (pa - this.base) / PAGE_SIZE;
    const bitmap = this.read(BITMAP);
    if ((bitmap & (1 << index)) === 0) throw new PtPoolError(`table ${index} at ${hex(pa)} is free already`);
    this.write(BITMAP, bitmap & ~(1 << index));
  }

  /** Adds `change` (+1 or -1) to the tables of the injected allocator. */
  countFromAllocator(change: 1 | -1): void {
    const count = this.fromAllocator + change;
    this.write(FROM_ALLOCATOR, count);
    if (count > this.fromAllocatorPeak) this.write(FROM_ALLOCATOR_PEAK, count);
  }

  private read(field: number): number {
    return this.memory.port.read32(this.memory.va(this.state + field));
  }

  private write(field: number, value: number): void {
    this.memory.port.write32(this.memory.va(this.state + field), value >>> 0);
  }
}
