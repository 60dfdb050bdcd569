// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian packages unpacked into the project's cache: the engine's library, guest kernels of another
 * architecture, device trees. Each is obtained once; afterwards its folder is there and neither apt
 * nor the network is asked. Nothing is installed.
 *
 * ```
 *   CACHE/INTO/package.json      what it is: name, version, suite, architecture
 *         usr/… boot/…           the package's files
 * ```
 * The folder appears by one rename, complete or not at all, and a lock keeps two processes from
 * fetching the same thing.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';
import { withFileLock } from './file-lock.ts';
import { DebianPackageError, openPrivateApt, runCommand, systemDebianMirrors } from './private-apt.ts';

export { DebianPackageError } from './private-apt.ts';

/** A package to fetch, and its place in the cache. */
export interface DebianPackageRequest {
  /**
   * The package's name, or a pattern. Of several packages that match, the newest by the numbers in
   * their names is taken.
   */
  readonly name: string | RegExp;
  /** "trixie", "trixie-backports", "bookworm", "sid" … */
  readonly suite: string;
  /** Debian's name of the architecture, see {@link debianArchitecture}. */
  readonly architecture: string;
  /** Folder inside the cache, "/" between its parts. */
  readonly intoCache: string;
  /** Only files whose path in the package ("/usr/lib/…") matches are kept; absent: all files. */
  readonly only?: RegExp;
  /** Called once, before the network is used. */
  readonly onFetch?: () => void;
  readonly env?: NodeJS.ProcessEnv;
}

/** A package that lies unpacked in `folder` (absolute path). */
export interface UnpackedPackage {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
}

/**
 * Debian's name for an architecture as Node names it (`process.arch`), or null where Debian has
 * none.
 */
export function debianArchitecture(nodeArch: string): string | null {
  const names = new Map([
    ['x64', 'amd64'],
    ['arm64', 'arm64'],
    ['arm', 'armhf'],
    ['ia32', 'i386'],
    ['ppc64', 'ppc64el'],
    ['riscv64', 'riscv64'],
    ['s390x', 's390x'],
    ['loong64', 'loong64'],
  ]);
  return names.get(nodeArch) ?? null;
}

/**
 * The package that `request` names if the cache holds it, else null. Reads one small file; asks
 * neither apt nor the network.
 */
export function findDebianPackage(request: Pick<DebianPackageRequest, 'intoCache' | 'env'>): UnpackedPackage | null {
  const folder = join(cacheFolder(request.env), ...request.intoCache.split('/'));
  try {
    const record = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
    const { name, version } = record;
    return typeof name === 'string' && typeof version === 'string' ? { folder, name, version } : null;
  } catch {
    return null;
  }
}

/**
 * The package, unpacked in the cache; obtained first when it is not there. The index read for that
 * (about 10 MB a suite) is not kept.
 * @throws DebianPackageError with the reason: no apt, sources that are not Debian's, no such
 * package, mirror out of reach, broken archive
 */
export function fetchDebianPackage(request: DebianPackageRequest): UnpackedPackage {
  const present = findDebianPackage(request);
  if (present !== null) {
    return present;
  }
  const mirrors = systemDebianMirrors();
  const target = join(cacheFolder(request.env), ...request.intoCache.split('/'));
  return makeFolderOnce(target, {
    find: () => findDebianPackage(request),
    make: (work) => {
      request.onFetch?.();
      obtain(request, mirrors, work);
      return join(work, 'unpacked');
    },
  });
}

/** Two functions: one finds a folder of the cache, the other makes it. */
export interface FolderMaking<T> {
  /** Contents of the folder; null while it does not exist. */
  readonly find: () => T | null;
  /**
   * Makes the folder below `work`, an absolute path that does not exist yet and is removed
   * afterwards. Returns the finished folder.
   */
  readonly make: (work: string) => string;
}

/**
 * Returns the result of `find`. When there is none, one process at a time calls `make` and puts the
 * folder in place as `target` with one rename.
 * @throws what `make` throws; Error when `find` does not know what was made
 */
export function makeFolderOnce<T>(target: string, { find, make }: FolderMaking<T>): T {
  return withFileLock(`${target}.lock`, () => {
    const madeMeanwhile = find();
    if (madeMeanwhile !== null) {
      return madeMeanwhile;
    }
    removeLeftovers(target);
    const work = `${target}.partial-${process.pid}`;
    try {
      const made = make(work);
      rmSync(target, { recursive: true, force: true });
      renameSync(made, target);
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
    const found = find();
    if (found === null) throw new Error(`${target} was made and is not what was looked for`);
    return found;
  });
}

/** Work folders of processes that were killed; the lock is held, so none of them is in use. */
function removeLeftovers(target: string): void {
  const parent = dirname(target);
  mkdirSync(parent, { recursive: true });
  for (const name of readdirSync(parent)) {
    if (name.startsWith(`${basename(target)}.partial-`)) {
      rmSync(join(parent, name), { recursive: true, force: true });
    }
  }
}

function obtain(request: DebianPackageRequest, mirrors: readonly string[], work: string): void {
  tryMirrors(mirrors, (mirror, index) => {
    obtainFrom(request, mirror, join(work, `apt-${index}`), join(work, 'unpacked'));
  });
}

/**
 * The answer of the first of `mirrors` for which `attempt` does not throw.
 * @throws what it threw for the first
 */
export function tryMirrors<T>(mirrors: readonly string[], attempt: (mirror: string, index: number) => T): T {
  let failure: unknown = new DebianPackageError('not-debian', 'the system names no Debian mirror');
  for (const [index, mirror] of mirrors.entries()) {
    try {
      return attempt(mirror, index);
    } catch (error) {
      // The first mirror's failure is the telling one: later ones are archives that may not hold
      // full suites.
      failure = index === 0 ? error : failure;
    }
  }
  throw failure;
}

function obtainFrom(request: DebianPackageRequest, mirror: string, work: string, unpacked: string): void {
  const apt = openPrivateApt(work, mirror, request.suite, request.architecture);
  const name = typeof request.name === 'string' ? request.name : newestName(apt.packageNames(request.name));
  if (name === null) {
    const sought = String(request.name);
    throw new DebianPackageError('no-such-package', `Debian ${request.suite} has no package that matches ${sought}`);
  }
  const downloads = join(work, 'downloads');
  mkdirSync(downloads);
  apt.download([name], downloads);
  const archive = readdirSync(downloads).find((file) => file.endsWith('.deb'));
  if (archive === undefined) {
    throw new DebianPackageError('network', `apt fetched no archive for ${name}`);
  }
  unpackArchive(join(downloads, archive), unpacked);
  if (request.only !== undefined) {
    removeOthers(unpacked, '', request.only);
  }
  // NAME_VERSION_ARCHITECTURE.deb, where the colon of an epoch is written %3a.
  const version = decodeURIComponent(archive.split('_')[1] ?? '');
  const record = { name, version, suite: request.suite, architecture: request.architecture };
  if (existsSync(join(unpacked, 'package.json'))) {
    throw new DebianPackageError('broken-package', `${name} has a file /package.json of its own`);
  }
  writeFileSync(join(unpacked, 'package.json'), `${JSON.stringify(record, null, 2)}\n`);
}

/**
 * Unpacks the package `archive` over what `folder` holds. Folders that are links there become
 * folders.
 * @throws DebianPackageError
 */
export function unpackArchive(archive: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  const extraction = runCommand('dpkg-deb', ['--extract', archive, folder]);
  if (extraction.ok) return;
  throw extraction.missing
    ? new DebianPackageError('no-apt', 'this system has no dpkg-deb')
    : new DebianPackageError('broken-package', `dpkg-deb: ${extraction.stderr.trim()}`);
}

/**
 * Removes the files under `root` whose path, beginning with "/", does not match `keep`, and the
 * folders that are empty then.
 */
function removeOthers(root: string, inside: string, keep: RegExp): boolean {
  let kept = false;
  for (const entry of readdirSync(join(root, inside), { withFileTypes: true })) {
    const path = `${inside}/${entry.name}`;
    const keeps = entry.isDirectory() ? removeOthers(root, path, keep) : keep.test(path);
    if (!keeps) {
      rmSync(join(root, path), { recursive: true });
    }
    kept ||= keeps;
  }
  return kept;
}

/**
 * The name with the highest numbers, compared number by number ("6.12.9" < "6.12.10"); null when
 * there is none.
 */
export function newestName(names: readonly string[]): string | null {
  const numbers = (name: string): number[] => (name.match(/\d+/g) ?? []).map(Number);
  const compare = (a: string, b: string): number => {
    const left = numbers(a);
    const right = numbers(b);
    for (let i = 0; i < Math.max(left.length, right.length); i++) {
      const difference = (left[i] ?? -1) - (right[i] ?? -1);
      if (difference !== 0) {
        return difference;
      }
    }
    return a < b ? -1 : a > b ? 1 : 0;
  };
  return [...names].sort(compare).at(-1) ?? null;
}
