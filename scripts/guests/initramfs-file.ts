// SPDX-License-Identifier: GPL-2.0-only
/**
 * Initial RAM file systems and a disk made of what the cache holds, and as files in the cache for
 * commands that take a path.
 */

import { mkdirSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeOutput } from '#workbench/files/output-file.ts';
import { cacheFolder } from '#workbench/engine-library/cache-folder.ts';
import { buildDiskInitramfs, type NamedFile } from './disk-initramfs.ts';
import { buildEfiDisk } from './efi-disk.ts';
import { findDiskModules, findGuest, findRootModules } from './guest-files.ts';
import { buildLinuxInitramfs } from './initramfs.ts';
import { xenTree } from './xen-tree.ts';

/**
 * The archive with `busyboxPath` and the disk modules of Debian 12's kernel where the cache holds
 * them.
 * @throws Error as {@link buildLinuxInitramfs}
 */
export function guestInitramfs(busyboxPath: string, env?: NodeJS.ProcessEnv): Uint8Array {
  const modules = findDiskModules(env);
  return buildLinuxInitramfs({
    busybox: readFileSync(busyboxPath),
    modules:
      modules === null
        ? null
        : {
            release: modules.release,
            files: modules.paths.map((path) => ({ name: basename(path), content: readFileSync(path) })),
          },
  });
}

/**
 * Absolute path of CACHE/guests/initramfs.cpio, written first when it is not what `busyboxPath`
 * gives. Uncompressed: the guest need not unpack it.
 * @throws Error as {@link guestInitramfs}, and a file system error when the cache cannot be written
 */
export function writeGuestInitramfs(busyboxPath: string, env?: NodeJS.ProcessEnv): string {
  return writeToCache('initramfs.cpio', guestInitramfs(busyboxPath, env), env);
}

/**
 * The archive that hands over to the disk of debian-12 under linux-6.12, with the files at `handed`
 * for its /tmp. Null when the cache does not hold that kernel with its modules. @throws a file
 * system error
 */
export function guestDiskInitramfs(
  busyboxPath: string,
  handed: readonly string[] = [],
  env?: NodeJS.ProcessEnv,
): Uint8Array | null {
  const modules = findRootModules(env);
  if (modules === null) return null;
  const load = (path: string): NamedFile => ({ name: basename(path), content: readFileSync(path) });
  return buildDiskInitramfs({
    busybox: readFileSync(busyboxPath),
    modules: modules.paths.map(load),
    handed: handed.map(load),
  });
}

/**
 * The same as {@link writeGuestInitramfs} for {@link guestDiskInitramfs}:
 * CACHE/guests/disk-initramfs.cpio.
 */
export function writeGuestDiskInitramfs(busyboxPath: string, env?: NodeJS.ProcessEnv): string | null {
  const archive = guestDiskInitramfs(busyboxPath, [], env);
  return archive === null ? null : writeToCache('disk-initramfs.cpio', archive, env);
}

/**
 * The disk that UEFI boots, with linux-6.1 and the archive of busybox. Null when the cache does not
 * hold GRUB, that kernel and busybox.
 * @throws Error as {@link guestInitramfs}
 */
export function guestEfiDisk(env?: NodeJS.ProcessEnv): Uint8Array | null {
  const [grub, kernel, busybox] = (['grub', 'linux-6.1', 'busybox'] as const).map((guest) => findGuest(guest, env));
  if (!grub || !kernel || !busybox) return null;
  return buildEfiDisk({
    grub: readFileSync(grub.path),
    kernel: readFileSync(kernel.path),
    initramfs: guestInitramfs(busybox.path, env),
    append: 'console=ttyAMA0',
    menuSeconds: 5,
  });
}

/** The same as {@link writeGuestInitramfs} for {@link guestEfiDisk}: CACHE/guests/efi-disk.img. */
export function writeGuestEfiDisk(env?: NodeJS.ProcessEnv): string | null {
  const disk = guestEfiDisk(env);
  return disk === null ? null : writeToCache('efi-disk.img', disk, env);
}

/**
 * The same as {@link writeGuestInitramfs} for {@link xenTree} with linux-6.1 as Dom0:
 * CACHE/guests/xen.dtb. Null when the cache does not hold that kernel.
 */
export function writeGuestXenTree(env?: NodeJS.ProcessEnv): string | null {
  const kernel = findGuest('linux-6.1', env);
  return kernel === null ? null : writeToCache('xen.dtb', xenTree(statSync(kernel.path).size), env);
}

function writeToCache(name: string, content: Uint8Array, env: NodeJS.ProcessEnv | undefined): string {
  const folder = join(cacheFolder(env), 'guests');
  const path = join(folder, name);
  if (!isContent(path, content)) {
    mkdirSync(folder, { recursive: true });
    writeOutput('', path, content);
  }
  return path;
}

function isContent(path: string, content: Uint8Array): boolean {
  try {
    return Buffer.compare(readFileSync(path), content) === 0;
  } catch {
    return false;
  }
}
