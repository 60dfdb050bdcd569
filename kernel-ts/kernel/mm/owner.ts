/**
 * Who asked for a reservation. memblock keeps, in emulated RAM, a kind and a cookie for each; names
 * are made from them when someone prints.
 */

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

const NAMES: Readonly<Record<OwnerKind, string>> = {
  [OwnerKind.OTHER]: 'other',
  [OwnerKind.KERNEL_IMAGE]: 'kernel image',
  [OwnerKind.DTB]: 'device tree',
  [OwnerKind.INITRAMFS]: 'initramfs',
  [OwnerKind.RESERVATION_BLOCK]: 'reservation block',
  [OwnerKind.RESERVED_MEMORY]: 'reserved-memory',
  [OwnerKind.RESERVED_DYNAMIC]: 'reserved-memory (dynamic)',
  [OwnerKind.MEMBLOCK]: 'memblock tables',
  [OwnerKind.MEM_MAP]: 'mem_map',
  [OwnerKind.ZONES]: 'zones',
};

/** What a log calls owners of this kind. */
export function ownerName(kind: OwnerKind): string {
  return NAMES[kind];
}

/** The kind stored as `value`; OTHER for a number that is none. */
export function ownerKind(value: number): OwnerKind {
  return value in NAMES ? (value as OwnerKind) : OwnerKind.OTHER;
}
