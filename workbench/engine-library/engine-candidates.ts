// SPDX-License-Identifier: GPL-2.0-only
/** Places of an installed libunicorn, by operating system. Nothing here opens or judges a file. */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * The machine that is searched. `libc` multiarch folders follow from `arch` (names as Node gives
 * them).
 */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly env: NodeJS.ProcessEnv;
}

/** GNU triplets of Debian's multiarch folders (wiki.debian.org/Multiarch/Tuples). */
const MULTIARCH: Readonly<Record<string, string>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
  arm: 'arm-linux-gnueabihf',
  ia32: 'i386-linux-gnu',
  ppc64: 'powerpc64le-linux-gnu',
  riscv64: 'riscv64-linux-gnu',
  s390x: 's390x-linux-gnu',
  loong64: 'loongarch64-linux-gnu',
};

/** File names of the library, the one with the binary interface's version first. */
export function libraryNames(platform: NodeJS.Platform): readonly string[] {
  switch (platform) {
    case 'darwin':
      return ['libunicorn.2.dylib', 'libunicorn.dylib'];
    case 'win32':
      return ['unicorn.dll', 'libunicorn.dll'];
    default:
      return ['libunicorn.so.2', 'libunicorn.so'];
  }
}

/** Folders in which the system's own libraries lie, in the order in which they are searched. */
export function systemFolders(host: Host): readonly string[] {
  switch (host.platform) {
    case 'darwin':
      return ['/opt/homebrew/lib', '/usr/local/lib', '/opt/local/lib'];
    case 'win32':
      return (host.env['PATH'] ?? host.env['Path'] ?? '').split(';').filter((folder) => folder !== '');
    default: {
      const triplet = MULTIARCH[host.arch];
      const multiarch =
        triplet === undefined ? [] : [`/usr/local/lib/${triplet}`, `/usr/lib/${triplet}`, `/lib/${triplet}`];
      return ['/usr/local/lib', ...multiarch, '/usr/local/lib64', '/usr/lib64', '/usr/lib'];
    }
  }
}

/**
 * Library files in the system's folders, then the bare name, which the dynamic loader looks up in
 * its own cache and path.
 */
export function systemCandidates(host: Host): readonly string[] {
  const names = libraryNames(host.platform);
  const files = systemFolders(host).flatMap((folder) => names.map((name) => join(folder, name)));
  return [...files.filter((path) => existsSync(path)), ...names.slice(0, 1)];
}

/**
 * Library files in the project's cache: CACHE/engine/ (where anyone may put one), then the unpacked
 * Debian packages under CACHE/engine/NAME/usr/lib/TRIPLET/, `packages` naming them in order of
 * preference.
 */
export function cacheCandidates(cache: string, host: Host, packages: readonly string[]): readonly string[] {
  const names = libraryNames(host.platform);
  const folders = [join(cache, 'engine'), ...packages.flatMap((name) => libraryFolders(join(cache, 'engine', name)))];
  return folders.flatMap((folder) => names.map((name) => join(folder, name))).filter((path) => existsSync(path));
}

/** usr/lib/ and the folders in it: Debian puts a library under its triplet. */
export function libraryFolders(unpacked: string): readonly string[] {
  const base = join(unpacked, 'usr', 'lib');
  try {
    const inner = readdirSync(base, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [base, ...inner.map((entry) => join(base, entry.name)).sort()];
  } catch {
    return [];
  }
}
