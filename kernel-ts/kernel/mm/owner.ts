// SPDX-License-Identifier: GPL-2.0-only
/**
 * The owner of a reservation. memblock keeps, in emulated RAM, a kind and a cookie for each; names
 * are made from them when someone prints.
 */

import type { EventOwner } from '#kernel-ts/hal/kernel-events.ts';

/** Kinds of owner, as stored (u32). */
export const OwnerKind = {
  OTHER: 0,
  KERNEL_IMAGE: 1,
  DTB: 2,
  INITRAMFS: 3,
  /** An entry of the device tree's memory reservation block. */
  RESERVATION_BLOCK: 4,
  /** A child of /reserved-memory with `reg`. */
  RESERVED_MEMORY: 5,
  /** A child of /reserved-memory with `size`: the kernel chose the place. */
  RESERVED_DYNAMIC: 6,
  MEMBLOCK: 7,
  MEM_MAP: 8,
  ZONES: 9,
} as const;

export type OwnerKind = (typeof OwnerKind)[keyof typeof OwnerKind];

/**
 * Owner of a reservation. `cookie` is 64 bits that only the owner understands: for the device
 * tree's entries, the virtual address or the blob offset of the node that names it; 0n when there
 * is nothing to tell.
 */
export interface Owner {
  readonly kind: OwnerKind;
  readonly cookie: bigint;
}

const IN_EVENTS: Readonly<Record<OwnerKind, EventOwner>> = {
  [OwnerKind.OTHER]: { kind: 'other', name: 'other' },
  [OwnerKind.KERNEL_IMAGE]: { kind: 'kernel-image', name: 'kernel image' },
  [OwnerKind.DTB]: { kind: 'device-tree', name: 'device tree' },
  [OwnerKind.INITRAMFS]: { kind: 'initramfs', name: 'initramfs' },
  [OwnerKind.RESERVATION_BLOCK]: { kind: 'reservation-block', name: 'reservation block' },
  [OwnerKind.RESERVED_MEMORY]: { kind: 'reserved-memory', name: 'reserved-memory' },
  [OwnerKind.RESERVED_DYNAMIC]: { kind: 'dynamic-reserved-memory', name: 'reserved-memory (dynamic)' },
  [OwnerKind.MEMBLOCK]: { kind: 'memblock', name: 'memblock tables' },
  [OwnerKind.MEM_MAP]: { kind: 'mem_map', name: 'mem_map' },
  [OwnerKind.ZONES]: { kind: 'zones', name: 'zones' },
};

/** The name in events of owners of this kind that have no name of their own. */
export function ownerInEvents(kind: OwnerKind): EventOwner {
  return IN_EVENTS[kind];
}

/** The kind stored as `value`; OTHER for a number that is none. */
export function ownerKind(value: number): OwnerKind {
  return value in IN_EVENTS ? (value as OwnerKind) : OwnerKind.OTHER;
}
