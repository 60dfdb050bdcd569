// SPDX-License-Identifier: GPL-2.0-only
/** Small, well-formed guest images for tests, with every field at its specified place. */

import { alignUp } from '#common/address.ts';
import { concatBytes as concatenate } from '#common/bytes.ts';

/** Bytes 0x01 to 0xff in turn, so that a wrong offset is visible. */
export function patternBytes(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => ((i + seed) % 255) + 1);
}

/** Converts ASCII to bytes. */
export function asciiBytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Concatenates arrays. */
export const concatBytes = (...parts: readonly Uint8Array[]): Uint8Array => concatenate(parts);

/** Builds an arm64 Image of `fileBytes`. */
export function imageBytes(options: {
  textOffset?: bigint;
  imageSize?: bigint;
  flags?: bigint;
  fileBytes?: number;
}): Uint8Array {
  const { textOffset = 0n, imageSize = 0x10_0000n, flags = 0xan, fileBytes = 4096 } = options;
  const bytes = patternBytes(fileBytes);
  bytes.fill(0, 0, 64);
  const view = new DataView(bytes.buffer);
  // `b .`: if it is ever executed, it loops in place.
  view.setUint32(0, 0x1400_0000, true);
  view.setBigUint64(8, textOffset, true);
  view.setBigUint64(16, imageSize, true);
  view.setBigUint64(24, flags, true);
  bytes.set(asciiBytes('ARM\x64'), 56);
  return bytes;
}

/** Segment of {@link elfBytes}. */
export interface SegmentSource {
  readonly physical: number;
  readonly virtual?: bigint;
  readonly bytes: Uint8Array;
  readonly memoryBytes?: number;
  readonly flags?: number;
  readonly type?: number;
}

/** Builds an AArch64 ELF64 executable. */
export function elfBytes(entry: bigint, segments: readonly SegmentSource[]): Uint8Array {
  const header = new Uint8Array(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  const view = new DataView(header.buffer);
  view.setUint16(16, 2, true);
  view.setUint16(18, 183, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, entry, true);
  view.setBigUint64(32, 64n, true);
  view.setUint16(52, 64, true);
  view.setUint16(54, 56, true);
  view.setUint16(56, segments.length, true);
  let offset = 64 + 56 * segments.length;
  const headers = segments.map((segment) => {
    const programHeader = new Uint8Array(56);
    const fields = new DataView(programHeader.buffer);
    fields.setUint32(0, segment.type ?? 1, true);
    fields.setUint32(4, segment.flags ?? 7, true);
    fields.setBigUint64(8, BigInt(offset), true);
    fields.setBigUint64(16, segment.virtual ?? BigInt(segment.physical), true);
    fields.setBigUint64(24, BigInt(segment.physical), true);
    fields.setBigUint64(32, BigInt(segment.bytes.length), true);
    fields.setBigUint64(40, BigInt(segment.memoryBytes ?? segment.bytes.length), true);
    offset += segment.bytes.length;
    return programHeader;
  });
  return concatBytes(header, ...headers, ...segments.map(({ bytes }) => bytes));
}

function pages(pageBytes: number, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(
    ...parts.map((part) => concatBytes(part, new Uint8Array(alignUp(part.length, pageBytes) - part.length))),
  );
}

/** Builds an Android boot.img. */
export function bootImgBytes(options: {
  version?: number;
  kernel: Uint8Array;
  ramdisk?: Uint8Array;
  cmdline?: string;
  signature?: Uint8Array;
}): Uint8Array {
  const { version = 4, kernel, ramdisk = new Uint8Array(), cmdline = '', signature = new Uint8Array() } = options;
  const header = new Uint8Array(version === 3 ? 1580 : 1584);
  header.set(asciiBytes('ANDROID!'));
  header.set(asciiBytes(cmdline), 44);
  const view = new DataView(header.buffer);
  view.setUint32(8, kernel.length, true);
  view.setUint32(12, ramdisk.length, true);
  view.setUint32(20, header.length, true);
  view.setUint32(40, version, true);
  if (version !== 3) view.setUint32(1580, signature.length, true);
  return pages(4096, header, kernel, ramdisk, signature);
}

/** Builds an Android vendor_boot.img with RAM disks of the given types. */
export function vendorBootBytes(options: {
  version?: number;
  pageBytes?: number;
  ramdisks?: readonly { readonly type: number; readonly name: string; readonly bytes: Uint8Array }[];
  cmdline?: string;
  dtb?: Uint8Array;
  bootconfig?: string;
}): Uint8Array {
  const {
    version = 4,
    pageBytes = 4096,
    ramdisks = [],
    cmdline = '',
    dtb = new Uint8Array(),
    bootconfig = '',
  } = options;
  const header = new Uint8Array(version === 3 ? 2112 : 2128);
  header.set(asciiBytes('VNDRBOOT'));
  header.set(asciiBytes(cmdline), 28);
  const view = new DataView(header.buffer);
  const section = concatBytes(...ramdisks.map(({ bytes }) => bytes));
  view.setUint32(8, version, true);
  view.setUint32(12, pageBytes, true);
  view.setUint32(24, section.length, true);
  view.setUint32(2096, header.length, true);
  view.setUint32(2100, dtb.length, true);
  if (version === 3) return pages(pageBytes, header, section, dtb);
  let offset = 0;
  const table = concatBytes(
    ...ramdisks.map(({ type, name, bytes }) => {
      const entry = new Uint8Array(108);
      const fields = new DataView(entry.buffer);
      fields.setUint32(0, bytes.length, true);
      fields.setUint32(4, offset, true);
      fields.setUint32(8, type, true);
      entry.set(asciiBytes(name), 12);
      offset += bytes.length;
      return entry;
    }),
  );
  view.setUint32(2112, table.length, true);
  view.setUint32(2116, ramdisks.length, true);
  view.setUint32(2120, 108, true);
  view.setUint32(2124, bootconfig.length, true);
  return pages(pageBytes, header, section, dtb, table, asciiBytes(bootconfig));
}
