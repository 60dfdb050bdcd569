// SPDX-License-Identifier: GPL-2.0-only
/**
 * The header of a flattened device tree, and the checks on it in libfdt's order (fdt_check_header
 * inside fdt_check_full).
 *
 * ```
 *  0 magic 0xd00dfeed      16 off_mem_rsvmap      32 size_dt_strings
 *  4 totalsize             20 version             36 size_dt_struct (version 17)
 *  8 off_dt_struct         24 last_comp_version
 * 12 off_dt_strings        28 boot_cpuid_phys          all big-endian
 * ```
 *
 * Not checked, as in libfdt: that the blocks do not overlap. Stricter than libfdt: versions 2 to
 * 15, which pad properties and name nodes differently, are refused; a kernel for AArch64 never sees
 * them. The caller checks the alignment of the blob in memory.
 *
 * Specification: Devicetree Specification v0.4, 5.2.
 */

import { hex } from '#common/address.ts';
import { FdtError } from './errors.ts';

/** First word of every blob. */
export const FDT_MAGIC = 0xd00dfeed;

/** Bytes of a version 17 header. */
export const HEADER_SIZE = 40;

/** Offsets of the fields in the header, bytes. */
export const HEADER = {
  magic: 0,
  totalsize: 4,
  off_dt_struct: 8,
  off_dt_strings: 12,
  off_mem_rsvmap: 16,
  version: 20,
  last_comp_version: 24,
  boot_cpuid_phys: 28,
  size_dt_strings: 32,
  size_dt_struct: 36,
} as const;

const HEADER_SIZE_V1 = 28;
const HEADER_SIZE_V2 = 32;
const HEADER_SIZE_V16 = 36;
/**
 * Newest supported version. A newer blob is accepted if its last compatible version is not newer.
 */
const NEWEST_VERSION = 17;
const OLDEST_VERSION = 16;
const INT_MAX = 0x7fff_ffff;

/** A checked header. Offsets and sizes in bytes from the start of the blob. */
export interface FdtHeader {
  readonly totalSize: number;
  readonly version: number;
  readonly lastCompatibleVersion: number;
  readonly bootCpuid: number;
  readonly reservationsOffset: number;
  readonly structOffset: number;
  /** End of the structure block. Version 16 has no size for it: then the end of the blob. */
  readonly structEnd: number;
  readonly stringsOffset: number;
  /**
   * End of the strings block. libfdt ignores its size below version 17: then the end of the blob.
   */
  readonly stringsEnd: number;
}

function headerSize(version: number): number {
  if (version <= 1) return HEADER_SIZE_V1;
  if (version <= 2) return HEADER_SIZE_V2;
  if (version <= 16) return HEADER_SIZE_V16;
  return HEADER_SIZE;
}

/**
 * Reads and checks a header. `blob` may be the header alone (40 bytes), for callers that need the
 * total size.
 *
 * @throws FdtError `FDT_ERR_TRUNCATED` fewer bytes than a header, `totalsize` below the header's
 * size or above 2^31 - 1, a block outside [header, totalsize]; `FDT_ERR_BADMAGIC`;
 * `FDT_ERR_BADVERSION` version below 16 or below its own `last_comp_version`, or
 * `last_comp_version` above 17; `FDT_ERR_ALIGNMENT` reservations not at a multiple of 8, structure
 * not at a multiple of 4
 */
export function readHeader(blob: Uint8Array): FdtHeader {
  if (blob.length < HEADER_SIZE_V1) {
    throw new FdtError('FDT_ERR_TRUNCATED', blob.length, `${blob.length} bytes are no header, which has 28 or more`);
  }
  const view = new DataView(blob.buffer, blob.byteOffset, blob.length);
  const field = (name: keyof typeof HEADER): number => view.getUint32(HEADER[name]);
  const version = field('version');
  const size = headerSize(version);
  if (blob.length < size) {
    throw new FdtError(
      'FDT_ERR_TRUNCATED',
      blob.length,
      `a version ${version} header has ${size} bytes, here are ${blob.length}`,
    );
  }

  const magic = field('magic');
  if (magic !== FDT_MAGIC) {
    throw new FdtError(
      'FDT_ERR_BADMAGIC',
      HEADER.magic,
      `the blob starts with ${hex(magic, 8)}, not with ${hex(FDT_MAGIC)}`,
    );
  }
  const lastCompatibleVersion = field('last_comp_version');
  if (version < OLDEST_VERSION) {
    throw new FdtError('FDT_ERR_BADVERSION', HEADER.version, `version ${version} is older than ${OLDEST_VERSION}`);
  }
  if (lastCompatibleVersion > NEWEST_VERSION || lastCompatibleVersion > version) {
    const readable = Math.min(version, NEWEST_VERSION);
    throw new FdtError(
      'FDT_ERR_BADVERSION',
      HEADER.last_comp_version,
      `last compatible version ${lastCompatibleVersion} is above ${readable}`,
    );
  }
  const totalSize = field('totalsize');
  if (totalSize < size || totalSize > INT_MAX) {
    throw new FdtError(
      'FDT_ERR_TRUNCATED',
      HEADER.totalsize,
      `a total size of ${totalSize} bytes is not in [${size}, 2^31)`,
    );
  }

  const reservationsOffset = field('off_mem_rsvmap');
  const structOffset = field('off_dt_struct');
  const stringsOffset = field('off_dt_strings');
  const requireAligned = (name: 'off_mem_rsvmap' | 'off_dt_struct', alignment: number): void => {
    const offset = field(name);
    if (offset % alignment !== 0) {
      throw new FdtError('FDT_ERR_ALIGNMENT', HEADER[name], `${name} ${hex(offset)} is not a multiple of ${alignment}`);
    }
  };
  requireAligned('off_mem_rsvmap', 8);
  requireAligned('off_dt_struct', 4);

  const requireInside = (name: keyof typeof HEADER, block: string, end: number): void => {
    if (end < size || end > totalSize) {
      throw new FdtError(
        'FDT_ERR_TRUNCATED',
        HEADER[name],
        `the ${block} block reaches ${hex(end)}, outside [${hex(size)}, ${hex(totalSize)}]`,
      );
    }
  };
  requireInside('off_mem_rsvmap', 'reservation', reservationsOffset);
  requireInside('off_dt_struct', 'structure', structOffset);
  let structEnd = totalSize;
  let stringsEnd = totalSize;
  if (version >= 17) {
    structEnd = structOffset + field('size_dt_struct');
    requireInside('size_dt_struct', 'structure', structEnd);
    stringsEnd = stringsOffset + field('size_dt_strings');
  }
  requireInside('off_dt_strings', 'strings', stringsOffset);
  requireInside('size_dt_strings', 'strings', stringsOffset + field('size_dt_strings'));

  return {
    totalSize,
    version,
    lastCompatibleVersion,
    bootCpuid: field('boot_cpuid_phys'),
    reservationsOffset,
    structOffset,
    structEnd,
    stringsOffset,
    stringsEnd,
  };
}
