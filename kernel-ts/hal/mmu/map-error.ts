// SPDX-License-Identifier: GPL-2.0-only
/**
 * Errors of the mapper: the request is impossible. The tables are unchanged.
 *
 * Not here: faults of a guest access (results of `translate`), and aborts of a port.
 */

import { type VirtAddr, hex } from '#common/address.ts';

/** Codes of {@link MapError}. */
export const MapErrorCode = {
  /** No frame for a table: pool and allocator have none. */
  AllocationFailed: 'AllocationFailed',
  /** A part of the range is not mapped. */
  NotMapped: 'NotMapped',
  /** A part of the range is mapped already, or a table is linked where a block should go. */
  AlreadyMapped: 'AlreadyMapped',
  /** Not canonical, in the other half, or the range leaves its half. */
  InvalidVirtualAddress: 'InvalidVirtualAddress',
  /** An address or a size is not aligned, or the size is 0. */
  Misaligned: 'Misaligned',
  /** A table descriptor points outside the output address range: damaged tables. */
  WalkFailed: 'WalkFailed',
  /** The physical range does not fit in the output address range. */
  BadOutputAddress: 'BadOutputAddress',
} as const;
export type MapErrorCode = (typeof MapErrorCode)[keyof typeof MapErrorCode];

/** Thrown by every operation that changes tables; nothing was changed. */
export class MapError extends Error {
  readonly code: MapErrorCode;
  /** First address of the request, or the address that conflicts. */
  readonly va: VirtAddr;

  /** @param detail reason, with numbers */
  constructor(code: MapErrorCode, va: VirtAddr, detail: string) {
    super(`${code} at ${hex(va, 16)}: ${detail}`);
    this.name = 'MapError';
    this.code = code;
    this.va = va;
  }
}
