// SPDX-License-Identifier: GPL-2.0-only
/**
 * Finds the CPU engine's native library, libunicorn >= 2.1.0, or obtains it once.
 *
 * ```
 *   1  LEVITATE_UNICORN=FILE             taken as it is; an error if it will not do
 *   2  the project's cache               CACHE/engine/
 *   3  the system's library folders      Linux, Homebrew, the dynamic loader
 *   4  Debian's packages, through apt    trixie (2.1.1, the reference), then sid; no root, nothing installed
 * ```
 * Not the engine's binding: a library is opened only through the probe that the caller hands in,
 * because one file alone (emulator/engine/unicorn.ts) touches it.
 */

import { basename, relative } from 'node:path';
import type { EngineVersion } from '#emulator/engine/unicorn.ts';
import { cacheFolder } from './cache-folder.ts';
import { debianArchitecture, DebianPackageError, fetchDebianPackage } from './debian-packages.ts';
import { installCommands, readOsRelease } from './engine-advice.ts';
import { cacheCandidates, type Host, systemCandidates } from './engine-candidates.ts';
import { loadForThread } from './thread-library.ts';

/**
 * Opens the library at `path` and asks its version; null when it cannot be opened or is no
 * libunicorn.
 */
export type EngineProbe = (path: string) => EngineVersion | null;

/** The place where the library was found. */
export type EngineSource = 'LEVITATE_UNICORN' | 'cache' | 'system' | 'fetched';

/**
 * A usable library. `path` is absolute, or a bare file name that the dynamic loader finds by
 * itself; for the calling thread alone, see thread-library.ts.
 */
export interface LocatedEngine {
  readonly path: string;
  readonly version: EngineVersion;
  readonly source: EngineSource;
}

/**
 * There is no usable libunicorn; the message says what was found instead, and the command that
 * brings one on this system.
 */
export class EngineLibraryError extends Error {
  /**
   * `unfit` when at least one libunicorn was found and none has a version that works, `missing`
   * otherwise.
   */
  readonly reason: 'unfit' | 'missing';

  constructor(reason: 'unfit' | 'missing', message: string) {
    super(message);
    this.name = 'EngineLibraryError';
    this.reason = reason;
  }
}

/**
 * Oldest minor version of Unicorn 2 that works: 2.0 wants every virtual address mapped and caches
 * CPU flags across register writes.
 */
const OLDEST_MINOR = 1;

/**
 * Debian suites that package it, the preferred one first. 2.1.4 is slower where a guest stores into
 * executable pages.
 */
const SUITES = [
  { suite: 'trixie', version: '2.1.1' },
  { suite: 'sid', version: '2.1.4' },
] as const;
const PACKAGE = 'libunicorn2t64';

/** `version` as text: "2.1.1". */
export function engineVersionText(version: EngineVersion): string {
  return `${version.major}.${version.minor}.${version.patch}`;
}

/**
 * Replacements for parts of the running process, for tests. `report` takes one line of progress.
 */
export interface LocateOptions {
  readonly host?: Host;
  readonly report?: (line: string) => void;
}

/**
 * The engine's library, see the header for the order. Takes a few milliseconds when it is there;
 * the first time on a Debian system a few seconds, with one line of progress on stderr.
 * @throws EngineLibraryError when none is usable and none can be obtained
 */
export function locateEngine(probeVersion: EngineProbe, options: LocateOptions = {}): LocatedEngine {
  const host = options.host ?? { platform: process.platform, arch: process.arch, env: process.env };
  const report = options.report ?? ((line: string) => void process.stderr.write(`${line}\n`));
  const rejected: string[] = [];
  let unfit = false;

  const accept = (path: string, source: EngineSource): LocatedEngine | null => {
    const loaded = loadOnce(path, probeVersion);
    const version = loaded?.result ?? null;
    if (loaded !== null && version !== null && version.major === 2 && version.minor >= OLDEST_MINOR) {
      return { path: loaded.path, version, source };
    }
    if (version !== null) {
      unfit = true;
      rejected.push(`${path} is version ${engineVersionText(version)}`);
    } else if (path !== basename(path)) {
      // A bare name that the loader does not know is not a finding.
      rejected.push(`${path} cannot be loaded as libunicorn`);
    }
    return null;
  };
  const fail = (): EngineLibraryError => unusable(unfit ? 'unfit' : 'missing', rejected, host.platform);

  const chosen = host.env['LEVITATE_UNICORN'];
  if (chosen !== undefined && chosen !== '') {
    const engine = accept(chosen, 'LEVITATE_UNICORN');
    if (engine === null) {
      rejected.push('LEVITATE_UNICORN names that file, so no other was looked for');
      throw fail();
    }
    return engine;
  }
  const suites = SUITES.map(({ suite }) => `${suite}-${host.arch}`);
  for (const path of cacheCandidates(cacheFolder(host.env), host, suites)) {
    const engine = accept(path, 'cache');
    if (engine !== null) {
      return engine;
    }
  }
  for (const path of systemCandidates(host)) {
    if (unfit && path === basename(path)) {
      // The loader answers a bare name with the library of that name that is loaded already, which
      // is the unfit one.
      continue;
    }
    const engine = accept(path, 'system');
    if (engine !== null) {
      return engine;
    }
  }
  for (const path of fetchedLibraries(host, report, rejected)) {
    const engine = accept(path, 'fetched');
    if (engine !== null) {
      return engine;
    }
  }
  throw fail();
}

/**
 * The library as this thread is to load it; null where there is no such file, or no copy of it can
 * be had.
 */
function loadOnce(path: string, probeVersion: EngineProbe): ReturnType<typeof loadForThread<EngineVersion | null>> {
  try {
    return loadForThread(path, probeVersion);
  } catch {
    return null;
  }
}

/**
 * The library from each suite in turn, fetched as the caller asks for the next one; ends where
 * going on makes no sense.
 */
function* fetchedLibraries(host: Host, report: (line: string) => void, rejected: string[]): Generator<string> {
  const architecture = host.platform === 'linux' ? debianArchitecture(host.arch) : null;
  if (architecture === null) {
    return;
  }
  const cache = cacheFolder(host.env);
  for (const { suite, version } of SUITES) {
    const folder = `${suite}-${host.arch}`;
    try {
      fetchDebianPackage({
        name: PACKAGE,
        suite,
        architecture,
        intoCache: `engine/${folder}`,
        env: host.env,
        onFetch: () => report(`Fetching the CPU engine (libunicorn ${version}, 3 MB) once into ${nearName(cache)} …`),
      });
    } catch (error) {
      if (!(error instanceof DebianPackageError)) {
        throw error;
      }
      rejected.push(`not obtained from Debian's packages: ${error.message}`);
      if (error.reason !== 'no-such-package') {
        return;
      }
      continue;
    }
    yield* cacheCandidates(cache, host, [folder]).filter((path) => path.includes(folder));
  }
}

/** `path` from the current folder when it lies below that, else as it is. */
function nearName(path: string): string {
  const near = relative(process.cwd(), path);
  return near.startsWith('..') ? path : near;
}

function unusable(
  reason: 'unfit' | 'missing',
  rejected: readonly string[],
  platform: NodeJS.Platform,
): EngineLibraryError {
  const headline =
    reason === 'unfit'
      ? 'No CPU engine (libunicorn) on this system has a version that works'
      : 'The CPU engine (libunicorn) was not found';
  const lines = [
    `${headline}: 2.${OLDEST_MINOR} or a later 2.x is needed.`,
    ...rejected.map((line) => `  - ${line}`),
    'To install it:',
    ...installCommands(platform, platform === 'linux' ? readOsRelease() : '').map((command) => `    ${command}`),
    'Or set LEVITATE_UNICORN to the file of a library that you have.',
  ];
  return new EngineLibraryError(reason, lines.join('\n'));
}
