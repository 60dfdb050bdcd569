// SPDX-License-Identifier: GPL-2.0-only
/**
 * Owner of a reservation. memblock stores a kind and a cookie for each in emulated RAM; names are
 * derived from them only for printing.
 */

import type { EventOwner } from '#kernel-ts/hal/kernel-events.ts';

/** Kinds of owner, as stored (u32). */
export const OwnerKind = {
  OTHER: 0,
  KERNEL_IMAGE: 1,
  DTB: 2,
  INITRAMFS: 3,
  /** Entry of the device tree's memory reservation block. */
  RESERVATION_BLOCK: 4,
  /** Child of /reserved-memory with `reg`. */
  RESERVED_MEMORY: 5,
  /** Child of /reserved-memory with `size`, placed by the kernel. */
  RESERVED_DYNAMIC: 6,
  MEMBLOCK: 7,
  MEM_MAP: 8,
  ZONES: 9,
} as const;

export type OwnerKind = (typeof OwnerKind)[keyof typeof OwnerKind];

/**
 * Owner of a reservation. `cookie` is 64 bits for the owner's own use: for entries of the device
 * tree, the virtual address or the blob offset of the node that names it; else 0n.
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

/** Owner in events for kinds without a name of their own. */
export function ownerInEvents(kind: OwnerKind): EventOwner {
  return IN_EVENTS[kind];
}

/** Kind stored as `value`; OTHER for an unknown number. */
export function ownerKind(value: number): OwnerKind {
  return value in IN_EVENTS ? (value as OwnerKind) : OwnerKind.OTHER;
}
