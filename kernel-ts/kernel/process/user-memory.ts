// SPDX-License-Identifier: GPL-2.0-only
/**
 * Copies between the kernel and user memory, for system calls. The whole range is checked before
 * the first byte is copied, so a call either succeeds for all of it or fails; pages are mapped on
 * demand.
 */

import { virtAddr } from '#common/address.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import type { UserAccess } from './area.ts';
import { ErrorCode } from './error-codes.ts';
import { bytesInPage, type UserAddressSpace } from './user-address-space.ts';
import { USER_END } from './user-layout.ts';

/** Piece of user memory in one page. */
interface Piece {
  /** Offset in the range. */
  readonly offset: number;
  readonly bytes: number;
  /** Direct-map address of its first byte. */
  readonly at: ReturnType<typeof physToVirt>;
}

/**
 * Copies the bytes [va, va + length) of `space`.
 * @returns EFAULT where the process may not read all of them, ENOMEM when there is no frame for a
 * page by demand
 */
export function copyFromUser(
  memory: MemoryPort,
  space: UserAddressSpace,
  va: bigint,
  length: number,
): Uint8Array | ErrorCode {
  const pieces = piecesOf(space, va, length, 'read');
  if (typeof pieces === 'number') return pieces;
  const bytes = new Uint8Array(length);
  for (const piece of pieces) bytes.set(memory.readBytes(piece.at, piece.bytes), piece.offset);
  return bytes;
}

/**
 * Writes `bytes` at `va` of `space`.
 * @returns 0, or EFAULT where the process may not write all of them, ENOMEM when there is no frame
 * for a page by demand; nothing was written then
 */
export function copyToUser(memory: MemoryPort, space: UserAddressSpace, va: bigint, bytes: Uint8Array): 0 | ErrorCode {
  const pieces = piecesOf(space, va, bytes.length, 'write');
  if (typeof pieces === 'number') return pieces;
  for (const { at, offset, bytes: length } of pieces) memory.writeBytes(at, bytes.subarray(offset, offset + length));
  return 0;
}

/**
 * Returns 0 when the process may access [va, va + length) this way, else EFAULT or ENOMEM. Maps
 * pages on demand.
 */
export function checkUserRange(space: UserAddressSpace, va: bigint, length: number, access: UserAccess): 0 | ErrorCode {
  const pieces = piecesOf(space, va, length, access);
  return typeof pieces === 'number' ? pieces : 0;
}

function piecesOf(space: UserAddressSpace, va: bigint, length: number, access: UserAccess): Piece[] | ErrorCode {
  // An empty range must also have a valid address.
  if (va >= USER_END || va + BigInt(length) > USER_END) return ErrorCode.EFAULT;
  const pieces: Piece[] = [];
  for (let offset = 0; offset < length; ) {
    const at = virtAddr(va + BigInt(offset));
    const place = space.resolve(at, access);
    if (!place.ok) return place.why === 'forbidden' ? ErrorCode.EFAULT : ErrorCode.ENOMEM;
    const bytes = Math.min(length - offset, bytesInPage(at));
    pieces.push({ offset, bytes, at: physToVirt(place.pa) });
    offset += bytes;
  }
  return pieces;
}
