// SPDX-License-Identifier: GPL-2.0-only
/** Identifies a file's format by its first bytes. The reader of the format checks the rest. */

import { isAndroidBoot } from './android-boot.ts';
import { isArm64Image } from './arm64-image.ts';
import { isElf } from './elf64.ts';
import { isLz4Legacy } from './lz4-legacy.ts';

/** Formats that `--kernel` accepts; `raw` is any other file. */
export type GuestFormat = 'image' | 'gzip' | 'elf' | 'android-boot' | 'lz4-legacy' | 'raw';

/**
 * Format of a file that begins with these bytes (64 are enough). Never fails: an unknown format is
 * `raw`.
 */
export function identifyGuest(bytes: Uint8Array): GuestFormat {
  if (isElf(bytes)) return 'elf';
  // RFC 1952, 2.3.1: ID1, ID2.
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip';
  if (isAndroidBoot(bytes)) return 'android-boot';
  if (isLz4Legacy(bytes)) return 'lz4-legacy';
  // Checked last: 56 bytes of code, which could be anything, precede this magic number.
  return isArm64Image(bytes) ? 'image' : 'raw';
}
