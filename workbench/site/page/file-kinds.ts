// SPDX-License-Identifier: GPL-2.0-only
/** The kind of a dropped file, by its contents, or by its name when the contents do not decide. */

import type { SiteFile } from '#workbench/site/protocol.ts';

export type DroppedKind = SiteFile | 'snapshot' | 'dts';

const MAGICS: readonly (readonly [at: number, bytes: string, kind: DroppedKind])[] = [
  [0, 'LEVITSNP', 'snapshot'],
  [0, '\xd0\x0d\xfe\xed', 'dtb'],
  [0, 'VNDRBOOT', 'vendorBoot'],
  [0, 'ANDROID!', 'kernel'],
  [0, '\x7fELF', 'kernel'],
  // An arm64 Image.
  [0x38, 'ARM\x64', 'kernel'],
  [0, '070701', 'initrd'],
  [0, '/dts-v1/', 'dts'],
];

/** Number of bytes of a file by which its kind is known. */
export const HEAD_BYTES = 64;

/** @param bytes the first {@link HEAD_BYTES} */
export function kindOf(name: string, bytes: Uint8Array): DroppedKind {
  const found = MAGICS.find(([at, magic]) =>
    Array.from(magic, (character) => character.charCodeAt(0)).every((byte, i) => bytes[at + i] === byte),
  );
  if (found !== undefined) return found[2];
  if (/\.dts$/i.test(name)) return 'dts';
  // A compressed file is a kernel, unless its name says otherwise.
  if (/init(rd|ramfs)|rootfs|\.cpio/i.test(name)) return 'initrd';
  if (/u-?boot|edk2|\.fd$|flash|bios/i.test(name)) return 'bios';
  return bytes[0] === 0x1f && bytes[1] === 0x8b ? 'kernel' : 'bios';
}
