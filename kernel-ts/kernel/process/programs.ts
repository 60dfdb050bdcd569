// SPDX-License-Identifier: GPL-2.0-only
/** Programs of an initramfs: files that begin with the ELF magic, and links to them. */

import { isElfMagic } from '#common/elf64.ts';
import type { Program } from '#kernel-ts/kernel/user-space.ts';
import type { Initramfs } from './initramfs.ts';

/** Programs by path, including those before the error of a malformed archive. O(entries). */
export function programsOf(files: Initramfs): Program[] {
  const index = files.index();
  const paths = index.entries.filter(({ kind }) => kind === 'file' || kind === 'link').map(({ path }) => path);
  return [...new Set(paths)].sort().flatMap((path) => {
    const file = index.open(path);
    return file === null || file.bytes < 4 || !isElfMagic(file.read32(0)) ? [] : [{ path, bytes: file.bytes }];
  });
}
