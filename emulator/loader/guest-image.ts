// SPDX-License-Identifier: GPL-2.0-only
/**
 * Tells a file's format by its first bytes. The format's own reader checks the rest.
 */

import { isAndroidBoot } from './android-boot.ts';
import { isArm64Image } from './arm64-image.ts';
import { isElf } from './elf64.ts';
import { isLz4Legacy } from './lz4-legacy.ts';

/** Formats that `--kernel` takes; `raw` is everything else. */
export type GuestFormat = 'image' | 'gzip' | 'elf' | 'android-boot' | 'lz4-legacy' | 'raw';

/**
 * The format of a file with these first bytes (64 are enough). Never fails: what nobody recognises
 * is `raw`.
 */
export function identifyGuest(bytes: Uint8Array): GuestFormat {
  if (isElf(bytes)) return 'elf';
  // RFC 1952, 2.3.1: ID1, ID2.
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip';
  if (isAndroidBoot(bytes)) return 'android-boot';
  if (isLz4Legacy(bytes)) return 'lz4-legacy';
  // Last: the magic number stands behind 56 bytes that are code, and could be anything.
  return isArm64Image(bytes) ? 'image' : 'raw';
}
