/** The initial RAM file system of what the cache holds, and as a file in the cache for commands that take a path. */

import { mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { writeOutput } from '../files/output-file.ts';
import { cacheFolder } from '../setup/cache-folder.ts';
import { findDiskModules } from './guest-files.ts';
import { buildLinuxInitramfs } from './initramfs.ts';

/** The archive with `busyboxPath` and the disk modules of Debian 12's kernel where the cache holds them. @throws Error as {@link buildLinuxInitramfs} */
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
 * Absolute path of CACHE/guests/initramfs.cpio, written first when it is not what `busyboxPath` gives. Uncompressed: the guest need not unpack it.
 * @throws Error as {@link guestInitramfs}, and a file system error when the cache cannot be written
 */
export function writeGuestInitramfs(busyboxPath: string, env?: NodeJS.ProcessEnv): string {
  const archive = guestInitramfs(busyboxPath, env);
  const folder = join(cacheFolder(env), 'guests');
  const path = join(folder, 'initramfs.cpio');
  if (!isContent(path, archive)) {
    mkdirSync(folder, { recursive: true });
    writeOutput('', path, archive);
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
