// SPDX-License-Identifier: GPL-2.0-only
/**
 * Allocates and frees page tables. They come from the injected allocator once there is one, and
 * from PT_POOL before that or when the allocator returns null. A table is freed to its source,
 * which its address identifies.
 */

import { type PhysAddr, hex } from '#common/address.ts';
import type { PageAllocator } from './page-allocator.ts';
import { type PtPool, PtPoolError } from './pt-pool.ts';
import type { TableMemory } from './table-memory.ts';

/** Allocates cleared tables. */
export class TableAllocator {
  readonly pool: PtPool;
  private readonly memory: TableMemory;
  private allocator: PageAllocator | null = null;

  constructor(memory: TableMemory, pool: PtPool) {
    this.memory = memory;
    this.pool = pool;
  }

  /** Sets the allocator for tables. Tables of the pool stay in the pool. */
  setPageAllocator(allocator: PageAllocator): void {
    this.allocator = allocator;
  }

  /**
   * Allocates `count` cleared tables, or returns null and allocates none. The caller must order the
   * clearing before the linking by a DSB.
   */
  reserve(count: number): PhysAddr[] | null {
    const tables: PhysAddr[] = [];
    while (tables.length < count) {
      const table = this.allocTable();
      if (table === null) {
        this.release(tables);
        return null;
      }
      tables.push(table);
    }
    for (const table of tables) this.memory.zero(table);
    return tables;
  }

  /**
   * Frees tables to the pool or to the allocator they came from. @throws PtPoolError for a table
   * outside the pool while no allocator is set: it came from neither
   */
  release(tables: readonly PhysAddr[]): void {
    for (const table of tables) {
      if (this.pool.owns(table)) {
        this.pool.freePage(table);
      } else if (this.allocator === null) {
        throw new PtPoolError(`${hex(table)} is given back, but is not of the pool and no allocator is set`);
      } else {
        this.allocator.freePage(table);
        this.pool.countFromAllocator(-1);
      }
    }
  }

  private allocTable(): PhysAddr | null {
    const table = this.allocator?.allocPage() ?? null;
    if (table === null) return this.pool.allocPage();
    this.pool.countFromAllocator(1);
    return table;
  }
}
