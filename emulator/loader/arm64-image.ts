// SPDX-License-Identifier: GPL-2.0-only
/**
 * Header of an arm64 Linux Image: the kernel's load address and memory size. The code that follows
 * is not examined.
 *
 * ```
 *    0  code0        4  code1          first instructions; "MZ" in code0 when the file is an EFI application too
 *    8  text_offset (u64)              from a 2 MiB boundary to the image
 *   16  image_size  (u64)              memory from the image's first byte on, BSS included; 0 before Linux 3.17
 *   24  flags       (u64)              0 big-endian · 2:1 page size · 3 may lie anywhere in RAM
 *   32  reserved (3 × u64)
 *   56  magic "ARM\x64"               60  offset of the PE header
 * ```
 * Specification: Documentation/arch/arm64/booting.rst, "Call the kernel image".
 */

import { hex } from '#common/address.ts';
import { FieldReader } from './field-reader.ts';

const HEADER_BYTES = 64;
const TEXT_OFFSET = 8;
const IMAGE_SIZE = 16;
const FLAGS = 24;
const MAGIC = 56;
/** Magic "ARM\x64", little-endian. */
const MAGIC_VALUE = 0x644d_5241;

const FLAG_BIG_ENDIAN = 0x1n;
const FLAG_PAGE_SIZE_SHIFT = 1n;
const FLAG_PAGE_SIZE_MASK = 0x3n;
const FLAG_ANYWHERE = 0x8n;
const PAGE_SIZES = [null, 4096, 16_384, 65_536] as const;

/** Instructions are aligned words, so text_offset must be a multiple of this. */
const INSTRUCTION_BYTES = 4;
/** text_offset when image_size is 0: the only value in kernels of that age. */
const LEGACY_TEXT_OFFSET = 0x8_0000;

/** Contents of the header. Sizes in bytes. */
export interface Arm64Image {
  /** Offset from a 2 MiB-aligned base; 0x8_0000 when the header is too old to say. */
  readonly textOffset: number;
  /** Memory size from the first byte on, BSS included; 0 when the header is too old to say. */
  readonly imageSize: number;
  /** Granule of the kernel's page tables, null when unspecified. */
  readonly pageSize: 4096 | 16_384 | 65_536 | null;
  /**
   * True when the kernel may be placed anywhere in RAM, because it can use memory below the image.
   */
  readonly anywhere: boolean;
}

/** True when `bytes` begins with an Image header, even an invalid one. */
export function isArm64Image(bytes: Uint8Array): boolean {
  return bytes.length >= HEADER_BYTES && new FieldReader('image', bytes).u32(MAGIC, 'magic') === MAGIC_VALUE;
}

/**
 * Reads the header at the start of `bytes`.
 * @throws GuestImageError naming `magic` (not an Image), `text_offset` (not a multiple of 4, or no
 * address), `image_size` (no size), `flags` (a big-endian kernel, which this machine does not run),
 * or the field that the file is too short for
 */
export function parseArm64Image(bytes: Uint8Array): Arm64Image {
  const reader = new FieldReader('image', bytes);
  reader.bytes(0, HEADER_BYTES, 'header');
  const magic = reader.u32(MAGIC, 'magic');
  if (magic !== MAGIC_VALUE) throw reader.error('magic', `${hex(magic, 8)} is not ${hex(MAGIC_VALUE)}`);
  const imageSize = reader.size64(IMAGE_SIZE, 'image_size');
  const textOffset = imageSize === 0 ? LEGACY_TEXT_OFFSET : reader.size64(TEXT_OFFSET, 'text_offset');
  if (textOffset % INSTRUCTION_BYTES !== 0) {
    throw reader.error('text_offset', `${hex(textOffset)} is not a multiple of ${INSTRUCTION_BYTES}`);
  }
  const flags = reader.u64(FLAGS, 'flags');
  if ((flags & FLAG_BIG_ENDIAN) !== 0n) throw reader.error('flags', `${hex(flags)}: a big-endian kernel`);
  return {
    textOffset,
    imageSize,
    pageSize: PAGE_SIZES[Number((flags >> FLAG_PAGE_SIZE_SHIFT) & FLAG_PAGE_SIZE_MASK)] ?? null,
    anywhere: (flags & FLAG_ANYWHERE) !== 0n,
  };
}
