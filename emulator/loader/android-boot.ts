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

import { alignUp } from '#common/address.ts';
import { FieldReader } from './field-reader.ts';

const MAGIC_TEXT = 'ANDROID!';
const KERNEL_SIZE = 8;
const RAMDISK_SIZE = 12;
const HEADER_SIZE = 20;
const HEADER_VERSION = 40;
const CMDLINE = 44;
const CMDLINE_BYTES = 1536;
const SIGNATURE_SIZE = 1580;
const PAGE_BYTES = 4096;
/** Least header sizes: mkbootimg 29 (Android 11's drafts) wrote 1596 for version 3. */
const HEADER_BYTES = { 3: 1580, 4: 1584 } as const;

/** Parts of a boot.img: views of the file, usually still compressed. An absent part is empty. */
export interface AndroidBoot {
  readonly headerVersion: 3 | 4;
  readonly kernel: Uint8Array;
  readonly ramdisk: Uint8Array;
  readonly cmdline: string;
}

/** True when `bytes` begins with the magic of a boot.img. */
export function isAndroidBoot(bytes: Uint8Array): boolean {
  return bytes.length >= MAGIC_TEXT.length && new FieldReader('android-boot', bytes).text(0, 8, 'magic') === MAGIC_TEXT;
}

/**
 * Parses a boot.img.
 * @throws GuestImageError naming `magic`, `header_version` (not 3 or 4), `header_size`,
 * `kernel_size` (0: there is nothing to boot), or the part that the file is too short for
 */
export function parseAndroidBoot(bytes: Uint8Array): AndroidBoot {
  const reader = new FieldReader('android-boot', bytes);
  if (reader.text(0, MAGIC_TEXT.length, 'magic') !== MAGIC_TEXT) throw reader.error('magic', `is not ${MAGIC_TEXT}`);
  const headerVersion = reader.u32(HEADER_VERSION, 'header_version');
  if (headerVersion !== 3 && headerVersion !== 4) {
    throw reader.error('header_version', `${headerVersion} is not supported: 3 and 4 are`);
  }
  const headerSize = reader.u32(HEADER_SIZE, 'header_size');
  if (headerSize < HEADER_BYTES[headerVersion] || headerSize > PAGE_BYTES) {
    throw reader.error(
      'header_size',
      `${headerSize} is not ${HEADER_BYTES[headerVersion]}, that of version ${headerVersion}`,
    );
  }
  let at = PAGE_BYTES;
  const part = (offset: number, field: string): Uint8Array => {
    const size = reader.u32(offset, field);
    const content = reader.bytes(at, size, field);
    at = alignUp(at + size, PAGE_BYTES);
    return content;
  };
  const kernel = part(KERNEL_SIZE, 'kernel_size');
  if (kernel.length === 0) throw reader.error('kernel_size', '0: the image holds no kernel');
  const ramdisk = part(RAMDISK_SIZE, 'ramdisk_size');
  if (headerVersion === 4) part(SIGNATURE_SIZE, 'signature_size');
  return { headerVersion, kernel, ramdisk, cmdline: reader.text(CMDLINE, CMDLINE_BYTES, 'cmdline') };
}
