// SPDX-License-Identifier: GPL-2.0-only
/**
 * LZ4's legacy frame format, which Android uses for kernels and RAM disks (`lz4 -l`).
 *
 * ```
 *   0x184c2102 | { size (u32) | block of that size: 8 MiB unpacked, the last one less } …   more such frames …
 *                                                       kbuild: | size of all output (u32) at the very end
 * ```
 * Specification: lz4/doc/lz4_Frame_format.md, "Legacy frame"; the size at the end: Linux
 * scripts/Makefile.lib, size_append.
 */

import { hex } from '#common/address.ts';
import { FieldReader } from './field-reader.ts';
import { decodeLz4Block } from './lz4-block.ts';

const MAGIC_VALUE = 0x184c_2102;
/** First word of a device tree, read little-endian. */
const FDT_MAGIC = 0xedfe_0dd0;
/** Size of a full block after decoding. */
const BLOCK_BYTES = 8 * 2 ** 20;
/** Output limit when the caller gives none. */
const DEFAULT_LIMIT_BYTES = 256 * 2 ** 20;

/** True when `bytes` begins with the frame's magic number. */
export function isLz4Legacy(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && new FieldReader('lz4-legacy', bytes).u32(0, 'magic') === MAGIC_VALUE;
}

/** True when the device tree at `at` ends at the end of `bytes`, by its totalsize. */
function endsWithTree(bytes: Uint8Array, at: number): boolean {
  if (at + 8 > bytes.length) return false;
  return at + new DataView(bytes.buffer, bytes.byteOffset).getUint32(at + 4) === bytes.length;
}

/**
 * Decodes the frame. Linear in the output.
 * @param limitBytes largest output: LZ4 can expand by a factor of 255, and the input is not trusted
 * @throws GuestImageError naming `magic`, `block size` or `block`
 */
export function decodeLz4Legacy(bytes: Uint8Array, limitBytes = DEFAULT_LIMIT_BYTES): Uint8Array {
  const reader = new FieldReader('lz4-legacy', bytes);
  const magic = reader.u32(0, 'magic');
  if (magic !== MAGIC_VALUE) throw reader.error('magic', `${hex(magic, 8)} is not ${hex(MAGIC_VALUE)}`);
  const parts: Uint8Array[] = [];
  let total = 0;
  const block = new Uint8Array(Math.min(BLOCK_BYTES, Math.max(limitBytes, 0)));
  let at = 4;
  while (at < bytes.length) {
    const size = reader.u32(at, 'block size');
    at += 4;
    if (size === MAGIC_VALUE) continue;
    // Not a block, which cannot be that long: a device tree is appended to the frame.
    if (size === FDT_MAGIC && parts.length > 0 && endsWithTree(bytes, at - 4)) break;
    // The appended size. If it is not exact, it is taken for a block that the file is too short
    // for.
    if (at === bytes.length && size === total) break;
    const made = decodeLz4Block(reader.bytes(at, size, 'block size'), block);
    at += size;
    total += made;
    if (total > limitBytes) throw reader.error('block', `the output is larger than ${hex(limitBytes)} bytes`);
    parts.push(block.slice(0, made));
  }
  const output = new Uint8Array(total);
  let to = 0;
  for (const part of parts) {
    output.set(part, to);
    to += part.length;
  }
  return output;
}
