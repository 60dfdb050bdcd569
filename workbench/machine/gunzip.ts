// SPDX-License-Identifier: GPL-2.0-only
/**
 * gzip data, read as gzip itself and QEMU do: members in a row. Data after the last member is
 * ignored, for example a device tree or padding.
 *
 * ```
 *   1f 8b 08 flags mtime(4) xfl os | extra: u16 length, bytes | name, NUL | comment, NUL | u16 | deflate | CRC32 | size
 *                                    each of these four if its flag is set
 * ```
 * Specification: RFC 1952, 2.3.
 */

import { deflatedLength, gunzipMembers } from '#host/compression.ts';
import { showBytes } from '#common/quantities.ts';
import { CompressionError } from '#workbench/host/compression-error.ts';

const FIXED_HEADER_BYTES = 10;
const TRAILER_BYTES = 8;
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;

/** True for data that begin as gzip's. */
export function isGzip(bytes: Uint8Array): boolean {
  return bytes.length >= 2 && bytes[0] === 0x1f && bytes[1] === 0x8b;
}

/**
 * The content of `bytes`.
 * @param mostBytes that it may have: the RAM of the guest `guest`
 * @throws Error for damaged data, or a larger content
 */
export function gunzip(bytes: Uint8Array, mostBytes: number, guest: string): Uint8Array {
  try {
    try {
      return gunzipMembers(bytes, mostBytes);
    } catch (error) {
      // This also happens when a nonzero byte follows: zlib takes it for another member, with a bad
      // header or an early end.
      if (isTooLarge(error) || !isGzip(bytes)) throw error;
      const end = endOfMembers(bytes, mostBytes);
      if (end >= bytes.length) throw error;
      return gunzipMembers(bytes.subarray(0, end), mostBytes);
    }
  } catch (error) {
    if (!isTooLarge(error)) throw error;
    throw new Error(`it unpacks to more than the RAM of ${guest}, ${showBytes(mostBytes)}`, { cause: error });
  }
}

const isTooLarge = (error: unknown): boolean => error instanceof CompressionError && error.kind === 'too large';

/** The end of the last member. @throws Error as zlib does */
function endOfMembers(bytes: Uint8Array, mostBytes: number): number {
  let end = 0;
  while (isGzip(bytes.subarray(end))) {
    const data = bytes.subarray(end + headerBytes(bytes.subarray(end)));
    end = data.byteOffset - bytes.byteOffset + deflatedLength(data, mostBytes) + TRAILER_BYTES;
  }
  return end;
}

function headerBytes(member: Uint8Array): number {
  const flags = member[3] ?? 0;
  let at = FIXED_HEADER_BYTES;
  if ((flags & FEXTRA) !== 0) at += 2 + (member[at] ?? 0) + 256 * (member[at + 1] ?? 0);
  for (const text of [FNAME, FCOMMENT]) {
    if ((flags & text) === 0) continue;
    const nul = member.indexOf(0, at);
    at = nul < 0 ? member.length : nul + 1;
  }
  return (flags & FHCRC) === 0 ? at : at + 2;
}
