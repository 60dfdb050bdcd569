// SPDX-License-Identifier: GPL-2.0-only
/**
 * Every leaf of a translation tree, read straight from physical memory with nothing but the
 * architecture's formats (Arm ARM DDI 0487 K.a, D8.3): 4 KiB granule, 48-bit addresses, levels 0 to
 * 3. It shares no line with the kernel's or the machine's walkers.
 */

import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';

/** A block or page. */
export interface Leaf {
  /** Offset in the half: bits 47:0 of the virtual address. */
  readonly offset: number;
  readonly pa: number;
  readonly bytes: number;
  /**
   * The descriptor without its address, and without bit 1, in which a page differs from a block.
   */
  readonly attributes: bigint;
}

/** A whole tree. */
export interface Tree {
  /** Ascending by `offset`. */
  readonly leaves: readonly Leaf[];
  /** Physical address of each table, the root first. */
  readonly tables: readonly number[];
  /** Table descriptors that carry more than an address. */
  readonly oddTables: readonly bigint[];
}

const ADDRESS = 0x0000_ffff_ffff_f000n;
const SPANS = [2 ** 39, 2 ** 30, 2 ** 21, 2 ** 12] as const;

/** @param root the address in TTBRn_EL1 */
export function readTree(memory: PhysicalMemory, root: number): Tree {
  const leaves: Leaf[] = [];
  const tables: number[] = [];
  const oddTables: bigint[] = [];
  const visit = (table: number, level: number, base: number): void => {
    tables.push(table);
    const view = new DataView(memory.readBytes(table, 4096).buffer);
    for (let index = 0; index < 512; index++) {
      const descriptor = view.getBigUint64(8 * index, true);
      if ((descriptor & 1n) === 0n) continue;
      const bytes = SPANS[level] as number;
      const offset = base + index * bytes;
      const isTable = level < 3 && (descriptor & 2n) !== 0n;
      if (isTable) {
        if ((descriptor & ~ADDRESS) !== 3n) oddTables.push(descriptor);
        visit(Number(descriptor & ADDRESS), level + 1, offset);
      } else {
        leaves.push({ offset, pa: Number(descriptor & ADDRESS), bytes, attributes: descriptor & ~ADDRESS & ~2n });
      }
    }
  };
  visit(root, 0, 0);
  return { leaves, tables, oddTables };
}
