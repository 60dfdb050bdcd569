// SPDX-License-Identifier: GPL-2.0-only
/**
 * Changes descriptors that a CPU may be walking: order of stores, barriers and TLB maintenance.
 *
 * ```
 *  invalid -> valid      store              DSB ISB
 *  valid   -> invalid    store 0            DSB TLBI DSB ISB
 *  permissions only      store              DSB TLBI DSB ISB
 *  anything else         store 0  DSB TLBI DSB ISB  store  DSB ISB     (break-before-make)
 * ``` Break-before-make is required for the changes in rule R_WHZWS: output address, size, memory
 * type or shareability; here also nG. A CPU that saw both the old and the new entry at once might
 * use either or abort.
 *
 * Between break and make, nothing in the broken range is mapped. If the table with the entry is
 * itself mapped by that range (a block of the direct map that covers its own tables), the store of
 * the new entry would fault; the caller passes another address for it, see {@link
 * EntryWriter.replace}.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8, "TLB maintenance" and "Using break-before-make when
 * updating translation table entries".
 */

import type { PhysAddr, VirtAddr } from '#common/address.ts';
import type { TlbPort } from '#kernel-ts/hal/ports.ts';
import { PERMISSION_MASK } from './descriptor.ts';
import type { TableMemory } from './table-memory.ts';

/** Number of entries from which one TLBI VMALLE1IS replaces one TLBI per entry. */
const FLUSH_ALL_FROM = 64;

/** True when a live entry may change from `before` to `after` (both valid) by a plain store. */
export function isPermissionChange(before: bigint, after: bigint): boolean {
  return ((before ^ after) & ~PERMISSION_MASK) === 0n;
}

/** Writes descriptors, and collects the pending TLB maintenance. */
export class EntryWriter {
  private readonly memory: TableMemory;
  private readonly tlb: TlbPort;
  private stale: VirtAddr[] = [];
  private unpublished = false;

  constructor(memory: TableMemory, tlb: TlbPort) {
    this.memory = memory;
    this.tlb = tlb;
  }

  /** Orders stores to unlinked tables before the stores that link them. */
  beforeLinking(): void {
    this.tlb.dsb();
  }

  /** Makes an invalid entry valid; visible after {@link finish}. */
  make(table: PhysAddr, index: number, descriptor: bigint): void {
    this.memory.writeEntry(table, index, descriptor);
    this.unpublished = true;
  }

  /** Makes the valid entry that covers `va` invalid; takes effect after {@link finish}. */
  clear(table: PhysAddr, index: number, va: VirtAddr): void {
    this.memory.writeEntry(table, index, 0n);
    this.stale.push(va);
  }

  /**
   * Unlinks an empty table, whose leaves were cleared before. The TLBI by address of the leaves
   * also drops cached entries of the levels above (TLBI VAAE1IS, unlike VAALE1IS), so no other is
   * needed.
   */
  unlink(table: PhysAddr, index: number): void {
    this.memory.writeEntry(table, index, 0n);
  }

  /**
   * Changes permissions, where {@link isPermissionChange} allows it; takes effect after {@link
   * finish}.
   */
  setPermissions(table: PhysAddr, index: number, descriptor: bigint, va: VirtAddr): void {
    this.memory.writeEntry(table, index, descriptor);
    this.stale.push(va);
  }

  /**
   * Replaces an entry by break-before-make, immediately. `makeAt` is the address for the store of
   * the new entry: that of the direct map, or an alias that stays mapped while the entry is broken.
   */
  replace(table: PhysAddr, index: number, descriptor: bigint, va: VirtAddr, makeAt: VirtAddr): void {
    this.memory.writeEntry(table, index, 0n);
    this.invalidate([va]);
    this.memory.port.write64(makeAt, descriptor);
    this.publish();
  }

  /**
   * Executes the pending barriers and TLB maintenance: afterwards every CPU sees the new tables.
   */
  finish(): void {
    if (this.stale.length > 0) {
      const stale = this.stale;
      this.stale = [];
      this.invalidate(stale);
      this.unpublished = false;
    } else if (this.unpublished) {
      this.publish();
    }
  }

  private publish(): void {
    this.tlb.dsb();
    this.tlb.isb();
    this.unpublished = false;
  }

  private invalidate(stale: readonly VirtAddr[]): void {
    this.tlb.dsb();
    if (stale.length >= FLUSH_ALL_FROM) this.tlb.invalidateAll();
    else for (const va of stale) this.tlb.invalidatePage(va);
    this.tlb.dsb();
    this.tlb.isb();
  }
}
