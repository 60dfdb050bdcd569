// SPDX-License-Identifier: GPL-2.0-only
/**
 * Android's vendor_boot.img, header versions 3 and 4: the phone's own RAM disks, device trees,
 * command line and boot configuration.
 *
 * ```
 *   header   0 "VNDRBOOT"  8 header_version  12 page_size  24 vendor_ramdisk_size  28 cmdline[2048]
 *            2096 header_size  2100 dtb_size  2112 vendor_ramdisk_table_size
 *            2116 entry_num  2120 entry_size  2124 bootconfig_size            (version 4)
 *   then, each from a page on:  vendor RAM disks, one after the other | DTB | RAM disk table | bootconfig
 *   table entry  0 ramdisk_size  4 ramdisk_offset  8 ramdisk_type  12 ramdisk_name[32]  44 board_id[16]  (108 bytes)
 * ```
 * Specification: source.android.com, "Vendor boot partitions"; and AOSP's bootimg.h, whose offsets
 * these are.
 */

import { alignUp } from '#common/address.ts';
import { type AndroidFormat, hasMagic, headerSizeOf, openHeader, partsFrom } from './android-header.ts';
import { FieldReader } from './field-reader.ts';

const PAGE_SIZE_FIELD = 12;
const VENDOR_RAMDISK_SIZE = 24;
const CMDLINE = 28;
const CMDLINE_BYTES = 2048;
const DTB_SIZE = 2100;
const TABLE_SIZE = 2112;
const ENTRY_NUM = 2116;
const ENTRY_SIZE = 2120;
const BOOTCONFIG_SIZE = 2124;
const FORMAT: AndroidFormat = {
  name: 'android-vendor-boot',
  magic: 'VNDRBOOT',
  versionOffset: 8,
  sizeOffset: 2096,
  headerBytes: { 3: 2112, 4: 2128 },
  // mkbootimg 29 (Android 11's drafts) wrote 2108 for version 3's 2112 bytes.
  leastHeaderBytes: { 3: 2108, 4: 2128 },
};

const RAMDISK_SIZE = 0;
const RAMDISK_OFFSET = 4;
const RAMDISK_TYPE = 8;
const RAMDISK_NAME = 12;
const RAMDISK_NAME_BYTES = 32;
const ENTRY_BYTES = 108;
/** Names of vendor_ramdisk_type, by value. */
const RAMDISK_TYPES = ['none', 'platform', 'recovery', 'dlkm'] as const;

const MIN_PAGE_BYTES = 2048;
const MAX_PAGE_BYTES = 65_536;

/** Vendor RAM disk. That of version 3 has no type or name: `none`, ''. */
export interface VendorRamdisk {
  readonly type: (typeof RAMDISK_TYPES)[number];
  readonly name: string;
  /** View of the file, usually still compressed. */
  readonly bytes: Uint8Array;
}

/** Parts of a vendor_boot.img, views of the file. An absent part is empty. */
export interface AndroidVendorBoot {
  readonly headerVersion: 3 | 4;
  readonly ramdisks: readonly VendorRamdisk[];
  readonly cmdline: string;
  /** One or more device tree blobs, concatenated. */
  readonly dtb: Uint8Array;
  /** Text of the boot configuration (androidboot.…), without trailer. */
  readonly bootconfig: Uint8Array;
}

/** True when `bytes` begins with the magic of a vendor_boot.img. */
export function isAndroidVendorBoot(bytes: Uint8Array): boolean {
  return hasMagic(FORMAT, bytes);
}

/**
 * Parses a vendor_boot.img.
 * @throws GuestImageError naming `magic`, `header_version` (not 3 or 4), `page_size`,
 * `header_size`, a field of the RAM disk table, or the part that the file is too short for
 */
export function parseAndroidVendorBoot(bytes: Uint8Array): AndroidVendorBoot {
  const { reader, headerVersion } = openHeader(FORMAT, bytes);
  const pageBytes = reader.u32(PAGE_SIZE_FIELD, 'page_size');
  if (pageBytes < MIN_PAGE_BYTES || pageBytes > MAX_PAGE_BYTES || !Number.isInteger(Math.log2(pageBytes))) {
    throw reader.error('page_size', `${pageBytes} is not a power of two from ${MIN_PAGE_BYTES} to ${MAX_PAGE_BYTES}`);
  }
  const headerSize = headerSizeOf(FORMAT, reader, headerVersion);
  const first = alignUp(Math.max(headerSize, FORMAT.headerBytes[headerVersion]), pageBytes);
  const part = partsFrom(reader, first, pageBytes);
  const ramdiskSection = part(VENDOR_RAMDISK_SIZE, 'vendor_ramdisk_size');
  const dtb = part(DTB_SIZE, 'dtb_size');
  const cmdline = reader.text(CMDLINE, CMDLINE_BYTES, 'cmdline');
  if (headerVersion === 3) {
    const ramdisks: VendorRamdisk[] =
      ramdiskSection.length === 0 ? [] : [{ type: 'none', name: '', bytes: ramdiskSection }];
    return { headerVersion, ramdisks, cmdline, dtb, bootconfig: new Uint8Array() };
  }
  const table = part(TABLE_SIZE, 'vendor_ramdisk_table_size');
  const bootconfig = part(BOOTCONFIG_SIZE, 'bootconfig_size');
  const ramdisks = readRamdiskTable(reader, table, ramdiskSection);
  return { headerVersion, ramdisks, cmdline, dtb, bootconfig };
}

function readRamdiskTable(header: FieldReader, table: Uint8Array, section: Uint8Array): VendorRamdisk[] {
  const count = header.u32(ENTRY_NUM, 'vendor_ramdisk_table_entry_num');
  const entryBytes = header.u32(ENTRY_SIZE, 'vendor_ramdisk_table_entry_size');
  if (count > 0 && entryBytes < ENTRY_BYTES) {
    throw header.error('vendor_ramdisk_table_entry_size', `${entryBytes} is less than ${ENTRY_BYTES}`);
  }
  if (count * entryBytes > table.length) {
    throw header.error(
      'vendor_ramdisk_table_entry_num',
      `${count} entries of ${entryBytes} bytes in a table of ${table.length}`,
    );
  }
  const entries = new FieldReader('android-vendor-boot', table);
  const ramdisks = new FieldReader('android-vendor-boot', section);
  return Array.from({ length: count }, (_, index) => {
    const at = index * entryBytes;
    const name = (field: string) => `${field} of RAM disk ${index}`;
    const type = entries.u32(at + RAMDISK_TYPE, name('ramdisk_type'));
    const typeName = RAMDISK_TYPES[type];
    if (typeName === undefined) throw entries.error(name('ramdisk_type'), `${type} is unknown`);
    const size = entries.u32(at + RAMDISK_SIZE, name('ramdisk_size'));
    const offset = entries.u32(at + RAMDISK_OFFSET, name('ramdisk_offset'));
    return {
      type: typeName,
      name: entries.text(at + RAMDISK_NAME, RAMDISK_NAME_BYTES, name('ramdisk_name')),
      bytes: ramdisks.bytes(offset, size, name('ramdisk_offset')),
    };
  });
}
