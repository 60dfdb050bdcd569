// SPDX-License-Identifier: GPL-2.0-only
/** The programs of an initramfs: its files, and links to such, that begin as an ELF file does. */

import { isElfMagic } from '#common/elf64.ts';
import type { Program } from '#kernel-ts/kernel/user-space.ts';
import { type Initramfs, InitramfsError } from './initramfs.ts';

/** By path. What a malformed archive has before its fault counts. */
export function programsOf(files: Initramfs): Program[] {
  const paths = new Set<string>();
  try {
    for (const { path, kind } of files.entries()) if (kind === 'file' || kind === 'link') paths.add(path);
    // Opening reads the archive again, and again comes to its fault.
  } catch (error) {
    if (!(error instanceof InitramfsError)) throw error;
  }
  return [...paths].sort().flatMap((path) => {
    const bytes = programBytes(files, path);
    return bytes === null ? [] : [{ path, bytes }];
  });
}

/** Null for what is no program. */
function programBytes(files: Initramfs, path: string): number | null {
  try {
    const file = files.open(path);
    return file === null || file.bytes < 4 || !isElfMagic(file.read32(0)) ? null : file.bytes;
  } catch (error) {
    if (!(error instanceof InitramfsError)) throw error;
    return null;
  }
}
