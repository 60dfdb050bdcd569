// SPDX-License-Identifier: GPL-2.0-only
/** The programs of an initramfs: its files, and links to such, that begin as an ELF file does. */

import { isElfMagic } from '#common/elf64.ts';
import type { Program } from '#kernel-ts/kernel/user-space.ts';
import type { Initramfs } from './initramfs.ts';

/** By path. What a malformed archive has before its fault counts. O(entries). */
export function programsOf(files: Initramfs): Program[] {
  const index = files.index();
  const paths = index.entries.filter(({ kind }) => kind === 'file' || kind === 'link').map(({ path }) => path);
  return [...new Set(paths)].sort().flatMap((path) => {
    const file = index.open(path);
    return file === null || file.bytes < 4 || !isElfMagic(file.read32(0)) ? [] : [{ path, bytes: file.bytes }];
  });
}
