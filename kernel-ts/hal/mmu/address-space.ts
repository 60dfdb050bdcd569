// SPDX-License-Identifier: GPL-2.0-only
/**
 * One translation tree: a root table and the half of the address space it translates.
 *
 * It keeps nothing but the root's address: the tables in emulated RAM are the truth. Switching to
 * it is mmu.ts; reading it whole is ptdump.ts.
 *
 * Every operation checks first, then takes all the tables it needs, then writes. So each either
 * happens or throws {@link MapError} with tables and allocator as they were.
 *
 * ## A block that maps its own tables While a block of the live direct map is broken
 * (break-before-make), the direct map does not reach what lies in it. When that includes the table
 * holding the entry, the entry is made through an alias: a page at `aliasWindow`, mapped for the
 * length of the operation.
 *
 * ```
 *   direct map:  |<------- 1 GiB block, being split ------->|        aliasWindow: |page|
 *                          ^ its own L1 table                                        |
 *   physical:    ----------[L1]-------------------------------- <--------------------+
 * ```
 */

import { PAGE_SIZE, type PhysAddr, type VirtAddr, hex, virtAddr } from '#common/address.ts';
import type { SystemRegisterPort, TlbPort } from '#kernel-ts/hal/ports.ts';
import {
  attributesOf,
  kindOf,
  LEVEL_SPAN,
  leafAddress,
  leafDescriptor,
  MemoryAttributes,
  tableAddress,
} from './descriptor.ts';
import type { Level } from './descriptor.ts';
import { type LeafChange, type MakeAddress, type UpdatePlan, applyUpdate, planUpdate } from './update.ts';
import { EntryWriter } from './entry-writer.ts';
import { type MapCounts, applyMap, nextTable, planMap } from './map.ts';
import { MapError } from './map-error.ts';
import type { MappingTrace } from './mapping-trace.ts';
import type { TableAllocator } from './table-allocator.ts';
import type { TableMemory } from './table-memory.ts';
import { TTBR_BASE_MASK } from './translation-control.ts';
import type { Range } from '#common/range.ts';
import { type Half, checkedRange, halfOf, offsetOf, tableIndex } from './virtual-range.ts';
import { type Access, KERNEL_READ, type Translation, walk } from './walk.ts';

/** Parts shared by all address spaces of one machine. */
export interface MmuContext {
  readonly memory: TableMemory;
  readonly tables: TableAllocator;
  readonly tlb: TlbPort;
  readonly registers: SystemRegisterPort;
  /** Width of an output address in bits, at most 48. */
  readonly outputAddressBits: number;
  /** Page in the high half that is otherwise unused. */
  readonly aliasWindow: VirtAddr;
  /** Receives every change; null: no tracing. */
  readonly trace: MappingTrace | null;
}

/** Page that was unmapped. */
export interface Unmapped {
  readonly pa: PhysAddr;
  readonly attrs: MemoryAttributes;
}

/** Translation tree, and the operations on it. */
export class AddressSpace {
  /** Level 0 table; never freed by unmapping. */
  readonly root: PhysAddr;
  readonly half: Half;
  private readonly context: MmuContext;

  constructor(context: MmuContext, root: PhysAddr, half: Half) {
    this.context = context;
    this.root = root;
    this.half = half;
  }

  /**
   * Maps the 4 KiB page at `va` to `pa`. Inside a block, the block is split and this page replaces
   * its part. This is the only way to map over an existing mapping, for a caller that refines a
   * large mapping on purpose.
   * @throws MapError AlreadyMapped when a page is mapped there, AllocationFailed,
   * InvalidVirtualAddress, Misaligned, BadOutputAddress, WalkFailed
   */
  mapPage(va: VirtAddr, pa: PhysAddr, attrs: MemoryAttributes): void {
    this.mapUnit(va, pa, 3, attrs);
  }

  /**
   * Maps one block: 1 GiB at level 1, 2 MiB at level 2. A 2 MiB block inside a 1 GiB block splits
   * it, as {@link mapPage} does.
   * @throws MapError AlreadyMapped also when a table hangs at the entry, even an empty one; the
   * rest as {@link mapPage}
   */
  mapBlock(va: VirtAddr, pa: PhysAddr, level: 1 | 2, attrs: MemoryAttributes): void {
    this.mapUnit(va, pa, level, attrs);
  }

  /**
   * Maps [va, va + bytes) to [pa, pa + bytes) with the largest entries that fit. O(entries
   * written).
   * @returns how many of each size
   * @throws MapError AlreadyMapped when any part is mapped, by page or block; the rest as
   * {@link mapPage}
   */
  mapRange(va: VirtAddr, pa: PhysAddr, bytes: number, attrs: MemoryAttributes): MapCounts {
    return this.map(va, pa, bytes, 1, attrs);
  }

  /**
   * Unmaps the page at `va` and frees tables that became empty, never the root. A block around it
   * is split.
   * @returns the frame that was mapped, which the caller frees if it owns it
   * @throws MapError NotMapped, AllocationFailed (a split needs tables), InvalidVirtualAddress,
   * Misaligned, WalkFailed
   */
  unmapPage(va: VirtAddr): Unmapped {
    const range = checkedRange(this.half, va, PAGE_SIZE);
    const found = this.locate(range.start, 3);
    this.update(va, range, () => 0n);
    return {
      pa: (leafAddress(found.descriptor, found.level) + (range.start % LEVEL_SPAN[found.level])) as PhysAddr,
      attrs: attributesOf(found.descriptor),
    };
  }

  /**
   * Unmaps [va, va + bytes), all of which must be mapped; blocks at its ends are split. O(entries
   * touched).
   * @throws MapError as {@link unmapPage}
   */
  unmapRange(va: VirtAddr, bytes: number): void {
    this.update(va, checkedRange(this.half, va, bytes), () => 0n);
  }

  /**
   * Changes the attributes of [va, va + bytes), all of which must be mapped; blocks at its ends are
   * split where the attributes differ. Blocks are not merged again. O(entries touched).
   * @throws MapError as {@link unmapPage}
   */
  protect(va: VirtAddr, bytes: number, attrs: MemoryAttributes): void {
    this.update(va, checkedRange(this.half, va, bytes), (descriptor, level) =>
      leafDescriptor(leafAddress(descriptor, level), level, attrs),
    );
  }

  /** Translates `va` as the CPU would with this tree. Walks of the other half are disabled. */
  translate(va: VirtAddr, access: Access = KERNEL_READ): Translation {
    const { memory, outputAddressBits } = this.context;
    const regime = {
      low: this.half === 'low' ? this.root : null,
      high: this.half === 'high' ? this.root : null,
      outputAddressBits,
      writeExecuteNever: false,
    };
    return walk(memory, regime, va, access);
  }

  /**
   * Frees every table including the root, for the end of a process. Mapped frames are first passed
   * to `onPage`, one at a time, which frees those that the caller owns; the tree must hold no
   * blocks. The tree must not be live any more and its TLB entries must be gone (`Mmu.setTtbr0`).
   * Returns the number of tables freed. O(tables).
   */
  releaseTables(onPage: (pa: PhysAddr) => void = () => {}): number {
    const { memory, tables } = this.context;
    const found: PhysAddr[] = [];
    const visit = (table: PhysAddr, level: Level): void => {
      found.push(table);
      for (const descriptor of memory.readTable(table)) {
        const kind = kindOf(descriptor, level);
        if (kind === 'table') visit(tableAddress(descriptor), (level + 1) as Level);
        else if (kind === 'leaf') onPage(leafAddress(descriptor, level));
      }
    };
    visit(this.root, 0);
    tables.release(found);
    return found.length;
  }

  private mapUnit(va: VirtAddr, pa: PhysAddr, level: 1 | 2 | 3, attrs: MemoryAttributes): void {
    const bytes = LEVEL_SPAN[level];
    const range = checkedRange(this.half, va, bytes);
    if (range.start % bytes !== 0) throw new MapError('Misaligned', va, `not a multiple of ${hex(bytes)}`);
    this.checkOutput(va, pa, bytes, bytes);
    const found = this.locate(range.start, level);
    const kind = kindOf(found.descriptor, found.level);
    if (kind === 'leaf' && found.level < level) {
      const after = leafDescriptor(pa, level, attrs);
      // This is also called for the block around it; the answer then differs from any block, so the
      // block is split.
      this.update(va, range, (_, leafLevel) => (leafLevel === level ? after : 0n));
    } else if (kind !== 'invalid') {
      throw new MapError('AlreadyMapped', va, `a ${kind === 'leaf' ? 'mapping' : 'table'} is at level ${found.level}`);
    } else {
      this.map(va, pa, bytes, level, attrs);
    }
  }

  /** Entry for `offset` at `level`, or at an earlier level where the walk ends. */
  private locate(offset: number, level: Level): { level: Level; descriptor: bigint } {
    const { memory } = this.context;
    let table = this.root;
    for (let at: Level = 0; ; at = (at + 1) as Level) {
      const descriptor = memory.readEntry(table, tableIndex(offset, at));
      if (at === level || kindOf(descriptor, at) !== 'table') return { level: at, descriptor };
      table = nextTable(descriptor, at, this.half, offset, this.outputLimit);
    }
  }

  private map(va: VirtAddr, pa: PhysAddr, bytes: number, minLevel: 1 | 2 | 3, attrs: MemoryAttributes): MapCounts {
    const { memory, tables, tlb, trace } = this.context;
    const range = checkedRange(this.half, va, bytes);
    this.checkOutput(va, pa, bytes, PAGE_SIZE);
    const request = { half: this.half, root: this.root, range, pa, attrs, minLevel };
    const needed = planMap(memory, request, this.outputLimit);
    const spare = tables.reserve(needed);
    if (spare === null) throw new MapError('AllocationFailed', va, `${needed} tables needed`);
    const writer = new EntryWriter(memory, tlb);
    if (needed > 0) writer.beforeLinking();
    const counts = applyMap(memory, writer, request, spare);
    writer.finish();
    trace?.mapped(va, pa, bytes, attrs);
    return counts;
  }

  private update(va: VirtAddr, range: Range, change: LeafChange): void {
    const { memory, tables, tlb, trace } = this.context;
    const request = { half: this.half, root: this.root, range, change, trace };
    const plan = planUpdate(memory, request, this.outputLimit);
    const spare = tables.reserve(plan.splits);
    if (spare === null) throw new MapError('AllocationFailed', va, `${plan.splits} tables needed to split blocks`);

    const useAlias = this.breaksOwnTables(plan, spare);
    if (useAlias) {
      try {
        this.mapPage(this.context.aliasWindow, this.root, MemoryAttributes.kernelData);
      } catch (error) {
        tables.release(spare);
        throw error;
      }
    }
    const writer = new EntryWriter(memory, tlb);
    const unlinked = applyUpdate(memory, writer, request, spare, useAlias ? this.aliasFor : this.directFor);
    writer.finish();
    tables.release(unlinked);
    if (useAlias) this.unmapPage(this.context.aliasWindow);
  }

  /** True when the live direct map may reach a table of this update through a broken entry. */
  private breaksOwnTables(plan: UpdatePlan, spare: readonly PhysAddr[]): boolean {
    const { memory, registers } = this.context;
    if (!plan.breaks || halfOf(virtAddr(memory.physicalOffset)) !== this.half) return false;
    const ttbr = registers.read(this.half === 'high' ? 'TTBR1_EL1' : 'TTBR0_EL1');
    if (Number(ttbr & TTBR_BASE_MASK) !== this.root) return false;
    return [...plan.tables, ...spare].some((table) => covers(plan.touched, offsetOf(memory.va(table))));
  }

  private readonly directFor: MakeAddress = (table, index) => this.context.memory.va(table + index * 8);

  private readonly aliasFor: MakeAddress = (table, index, broken) => {
    const { memory, aliasWindow } = this.context;
    if (!covers(broken, offsetOf(memory.va(table)))) return memory.va(table + index * 8);
    const page = leafDescriptor(table, 3, MemoryAttributes.kernelData);
    this.update(aliasWindow, checkedRange(this.half, aliasWindow, PAGE_SIZE), () => page);
    return virtAddr(aliasWindow + BigInt(index * 8));
  };

  private checkOutput(va: VirtAddr, pa: number, bytes: number, alignment: number): void {
    if (pa % alignment !== 0) throw new MapError('Misaligned', va, `${hex(pa)} is not a multiple of ${hex(alignment)}`);
    if (pa + bytes > this.outputLimit) {
      const { outputAddressBits } = this.context;
      throw new MapError('BadOutputAddress', va, `${hex(pa)} + ${hex(bytes)} exceeds ${outputAddressBits} bits`);
    }
  }

  private get outputLimit(): number {
    return 2 ** this.context.outputAddressBits;
  }
}

function covers(range: Range, offset: number): boolean {
  return offset >= range.start && offset < range.end;
}
