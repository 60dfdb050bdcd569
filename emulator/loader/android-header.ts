// SPDX-License-Identifier: GPL-2.0-only
/** The common part of the headers of boot.img and vendor_boot.img, versions 3 and 4. */

import { alignUp } from '#common/address.ts';
import { FieldReader } from './field-reader.ts';
import type { GuestImageFormat } from './guest-image-error.ts';

/** Format of one of the two files, as its header says. */
export interface AndroidFormat {
  readonly name: GuestImageFormat;
  readonly magic: string;
  /** Offsets of fields. */
  readonly versionOffset: number;
  readonly sizeOffset: number;
  /** Sizes of a complete header, and least sizes that are accepted, by version. */
  readonly headerBytes: Readonly<Record<3 | 4, number>>;
  readonly leastHeaderBytes: Readonly<Record<3 | 4, number>>;
}

/** Largest size of a header that is accepted. */
const MOST_HEADER_BYTES = 4096;

/** True when `bytes` begins with the magic of `format`. */
export function hasMagic({ name, magic }: AndroidFormat, bytes: Uint8Array): boolean {
  return bytes.length >= magic.length && new FieldReader(name, bytes).text(0, magic.length, 'magic') === magic;
}

/** @throws GuestImageError naming `magic` or `header_version` (not 3 or 4) */
export function openHeader(
  { name, magic, versionOffset }: AndroidFormat,
  bytes: Uint8Array,
): { readonly reader: FieldReader; readonly headerVersion: 3 | 4 } {
  const reader = new FieldReader(name, bytes);
  if (reader.text(0, magic.length, 'magic') !== magic) throw reader.error('magic', `is not ${magic}`);
  const headerVersion = reader.u32(versionOffset, 'header_version');
  if (headerVersion === 3 || headerVersion === 4) return { reader, headerVersion };
  throw reader.error('header_version', `${headerVersion} is not supported: 3 and 4 are`);
}

/** The `header_size` field. @throws GuestImageError when it is not one of that version */
export function headerSizeOf(format: AndroidFormat, reader: FieldReader, version: 3 | 4): number {
  const size = reader.u32(format.sizeOffset, 'header_size');
  if (size >= format.leastHeaderBytes[version] && size <= MOST_HEADER_BYTES) return size;
  throw reader.error('header_size', `${size} is not ${format.headerBytes[version]}, that of version ${version}`);
}

/**
 * Reader of the parts after the header in order, each from a page on; its size is the field at
 * `offset`. The first part is at `start`.
 */
export function partsFrom(
  reader: FieldReader,
  start: number,
  pageBytes: number,
): (offset: number, field: string) => Uint8Array {
  let at = start;
  return (offset, field) => {
    const size = reader.u32(offset, field);
    const content = reader.bytes(at, size, field);
    at = alignUp(at + size, pageBytes);
    return content;
  };
}
