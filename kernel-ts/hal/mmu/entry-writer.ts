// SPDX-License-Identifier: GPL-2.0-only
/**
 * Changing descriptors that a CPU may be walking: the orders of stores, barriers and TLB
 * maintenance.
 *
 * ```
 *  invalid -> valid      store              DSB ISB
 *  valid   -> invalid    store 0            DSB TLBI DSB ISB
 *  permissions only      store              DSB TLBI DSB ISB
 *  anything else         store 0  DSB TLBI DSB ISB  store  DSB ISB     (break-before-make)
 * ```
 * Break-before-make is for what rule R_WHZWS lists: another output address, size, memory type or
 * shareability; here also another nG. A CPU that could see both old and new at once might use
 * either or abort.
 *
 * Between break and make nothing in the broken range is mapped. If the table that holds the entry
 * is itself reached through that range (a block of the direct map that covers its own tables), the
 * store that makes the new entry would fault; the caller passes another address for it, see
 * {@link EntryWriter.replace}.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8, "TLB maintenance" and "Using break-before-make when
 * updating translation table entries".
 */

import type { PhysAddr, VirtAddr } from '#common/address.ts';
import type { TlbPort } from '#kernel-ts/hal/ports.ts';
import { PERMISSION_MASK } from './descriptor.ts';
import type { TableMemory } from './table-memory.ts';

/** From this many entries on one TLBI VMALLE1IS is used instead of one TLBI each. */
const FLUSH_ALL_FROM = 64;

/** True when a live entry may go from `before` to `after` (both valid) by a plain store. */
export function isPermissionChange(before: bigint, after: bigint): boolean {
  return ((before ^ after) & ~PERMISSION_MASK) === 0n;
}

/** Writes descriptors and collects the TLB maintenance that is still owed. */
export class EntryWriter {
  private readonly memory: TableMemory;
  private readonly tlb: TlbPort;
  private stale: VirtAddr[] = [];
  private unpublished = false;

  constructor(memory: TableMemory, tlb: TlbPort) {
    this.memory = memory;
    this.tlb = tlb;
  }

  /** Orders stores into tables that are not linked yet before the stores that link them. */
  beforeLinking(): void {
    this.tlb.dsb();
  }

  /** invalid -> valid; visible after {@link finish}. */
  make(table: PhysAddr, index: number, descriptor: bigint): void {
    this.memory.writeEntry(table, index, descriptor);
    this.unpublished = true;
  }

  /** valid -> invalid, for the entry that covers `va`; in force after {@link finish}. */
  clear(table: PhysAddr, index: number, va: VirtAddr): void {
    this.memory.writeEntry(table, index, 0n);
    this.stale.push(va);
  }

  /**
   * Takes an empty table out, after the leaves below were cleared: their TLBI by address also drops
   * what walkers keep of the levels above (TLBI VAAE1IS, unlike VAALE1IS), so none more is owed.
   */
  unlink(table: PhysAddr, index: number): void {
    this.memory.writeEntry(table, index, 0n);
  }

  /** A change that {@link isPermissionChange} allows; in force after {@link finish}. */
  setPermissions(table: PhysAddr, index: number, descriptor: bigint, va: VirtAddr): void {
    this.memory.writeEntry(table, index, descriptor);
    this.stale.push(va);
  }

  /**
   * Break-before-make at once. `makeAt` is the address used for the store that makes the entry: the
   * direct map's, or an alias of it that stays mapped while the entry is broken.
   */
  replace(table: PhysAddr, index: number, descriptor: bigint, va: VirtAddr, makeAt: VirtAddr): void {
    this.memory.writeEntry(table, index, 0n);
    this.invalidate([va]);
    this.memory.port.write64(makeAt, descriptor);
    this.publish();
  }

  /** Barriers and TLB maintenance that are owed: then every CPU sees the new tables. */
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
