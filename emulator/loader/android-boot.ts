// SPDX-License-Identifier: GPL-2.0-only
/**
 * Android's boot.img, header versions 3 and 4: a kernel, the generic RAM disk, a command line. The
 * parts for a particular phone are in vendor_boot.
 *
 * ```
 *   page 0  header    0 "ANDROID!"  8 kernel_size  12 ramdisk_size  16 os_version  20 header_size  40 header_version
 *                      44 cmdline[1536]
 *                     1580 signature_size (version 4)
 *   page 1  kernel …  ramdisk …  signature …            each on a page of 4096 bytes; the AVB footer is ignored
 * ```
 * Older versions name addresses and have no vendor_boot; no phone with this SoC has one.
 * Specification: source.android.com, "Boot image header"; and AOSP's bootimg.h, whose offsets these
 * are.
 */

import { type AndroidFormat, hasMagic, headerSizeOf, openHeader, partsFrom } from './android-header.ts';

const KERNEL_SIZE = 8;
const RAMDISK_SIZE = 12;
const CMDLINE = 44;
const CMDLINE_BYTES = 1536;
const SIGNATURE_SIZE = 1580;
const PAGE_BYTES = 4096;
const FORMAT: AndroidFormat = {
  name: 'android-boot',
  magic: 'ANDROID!',
  versionOffset: 40,
  sizeOffset: 20,
  // mkbootimg 29 (Android 11's drafts) wrote 1596 for version 3.
  headerBytes: { 3: 1580, 4: 1584 },
  leastHeaderBytes: { 3: 1580, 4: 1584 },
};

/** Parts of a boot.img: views of the file, usually still compressed. An absent part is empty. */
export interface AndroidBoot {
  readonly headerVersion: 3 | 4;
  readonly kernel: Uint8Array;
  readonly ramdisk: Uint8Array;
  readonly cmdline: string;
}

/** True when `bytes` begins with the magic of a boot.img. */
export function isAndroidBoot(bytes: Uint8Array): boolean {
  return hasMagic(FORMAT, bytes);
}

/**
 * Parses a boot.img.
 * @throws GuestImageError naming `magic`, `header_version` (not 3 or 4), `header_size`,
 * `kernel_size` (0: there is nothing to boot), or the part that the file is too short for
 */
export function parseAndroidBoot(bytes: Uint8Array): AndroidBoot {
  const { reader, headerVersion } = openHeader(FORMAT, bytes);
  headerSizeOf(FORMAT, reader, headerVersion);
  const part = partsFrom(reader, PAGE_BYTES, PAGE_BYTES);
  const kernel = part(KERNEL_SIZE, 'kernel_size');
  if (kernel.length === 0) throw reader.error('kernel_size', '0: the image holds no kernel');
  const ramdisk = part(RAMDISK_SIZE, 'ramdisk_size');
  if (headerVersion === 4) part(SIGNATURE_SIZE, 'signature_size');
  return { headerVersion, kernel, ramdisk, cmdline: reader.text(CMDLINE, CMDLINE_BYTES, 'cmdline') };
}
