// SPDX-License-Identifier: GPL-2.0-only
/**
 * The memory of a guest other than the modelled kernel, as far as it is known: the loader's pieces,
 * the device tree's reservations, and touched memory, in the host's chunks.
 */

import { PAGE_SIZE } from '#common/address.ts';
import { type Range, rangeOf, subtract } from '#common/range.ts';
import { type ReservationKind, reservationsOf } from '#workbench/explain/reservations.ts';
import { touchedSpans } from '#workbench/explain/machine-view.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { FrameSpan } from './memory-state.ts';
import type { Owner, OwnerClass } from './page-data.ts';

/** Frames that have an owner from now on. */
export interface Claim extends FrameSpan {
  readonly owner: Owner;
}

const CLASSES: Readonly<Record<ReservationKind, OwnerClass>> = {
  kernel: 'kernel',
  'device-tree': 'boot data',
  initramfs: 'boot data',
  reserved: 'reserved',
  mem_map: 'mem_map',
  'kernel-tables': 'mem_map',
};

const TOUCHED: Owner = { name: 'touched by the guest', class: 'touched' };

export class GuestMemory {
  private readonly machine: LevitateMachine;
  /** Ranges that were already claimed; claims do not overlap. */
  private claimed: Range[] = [];

  constructor(machine: LevitateMachine) {
    this.machine = machine;
  }

  /** Claims that are known at the guest's reset. */
  atReset(): Claim[] {
    this.claimed = [];
    return reservationsOf(this.machine).flatMap(({ start, end, kind, owner, noMap }) =>
      this.claim([{ start, end }], { name: owner, class: noMap ? 'firmware' : CLASSES[kind] }),
    );
  }

  /** Claims for memory that was touched since the last call. */
  touched(): Claim[] {
    return this.claim(touchedSpans(this.machine), TOUCHED);
  }

  private claim(ranges: readonly Range[], owner: Owner): Claim[] {
    const fresh = subtract(ranges, this.claimed);
    if (fresh.length === 0) return [];
    this.claimed = [...this.claimed, ...fresh].sort((a, b) => a.start - b.start);
    return fresh.map((range) => ({ ...framesOf(range), owner }));
  }
}

/** RAM of the machine, in frames. */
export function frameBanks(machine: LevitateMachine): FrameSpan[] {
  return machine.memory.banks.map((bank) => framesOf(rangeOf(bank))).sort((a, b) => a.start - b.start);
}

/** The frames that `range`, in bytes, touches. */
const framesOf = ({ start, end }: Range): FrameSpan => ({
  start: Math.floor(start / PAGE_SIZE),
  end: Math.ceil(end / PAGE_SIZE),
});
