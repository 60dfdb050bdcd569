/** What the kernel's events say of the owners of memory. */

/**
 * What an owner of memory is. Reservations of the boot first, then those who take frames from the
 * buddy allocator; `boot` frees the memory that was never in use.
 */
export type EventOwnerKind =
  | 'kernel-image'
  | 'device-tree'
  | 'initramfs'
  | 'reservation-block'
  | 'reserved-memory'
  | 'dynamic-reserved-memory'
  | 'memblock'
  | 'mem_map'
  | 'zones'
  | 'other'
  | 'boot'
  | 'kernel'
  | 'page-tables'
  | 'heap'
  | 'slab'
  | 'kernel-stack'
  | 'dma'
  | 'user';

/** An owner: what it is, and what people call it ("heap", "slab:process", "user 2"). */
export interface EventOwner {
  readonly kind: EventOwnerKind;
  readonly name: string;
}

/** An owner as the fields of an event: the name under `owner`, as logs always had it. */
export interface OwnedFields {
  readonly owner: string;
  readonly ownerKind: EventOwnerKind;
}

/** The fields that name `owner`. */
export function ownedBy({ kind, name }: EventOwner): OwnedFields {
  return { owner: name, ownerKind: kind };
}
