// SPDX-License-Identifier: GPL-2.0-only
/**
 * apt on a private folder: reads any Debian suite and architecture without root, and without
 * touching the system's own package state.
 *
 * ```
 *   FOLDER/apt.conf        everything below, read after the system's configuration (--config-file), so that it wins
 *          sources.list    one line: the system's own mirror, the suite asked for
 *          lists/ cache/ state/
 * ```
 * The system's remaining settings (proxies, time-outs, credentials of a mirror) stay in force. apt
 * verifies the archive's signature with the system's keyring. Mirror addresses come from the
 * system's own configuration only: a Debian mirror serves every suite. Sources: apt.conf(5),
 * sources.list(5), apt-get(8) "indextargets".
 */

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Debian's archive keys, under the names its releases have used. */
const KEYRINGS = ['/usr/share/keyrings/debian-archive-keyring.gpg', '/usr/share/keyrings/debian-archive-keyring.pgp'];
const COMMAND_TIMEOUT_MS = 4 * 60_000;
/** Packages that one command fetches, so that its time-out fits a slow line. */
const PACKAGES_AT_ONCE = 25;

/** Reasons why a package could not be fetched. */
export type DebianPackageFailure =
  | 'no-apt' // apt-get or dpkg-deb is not installed
  | 'not-debian' // the system's package sources are not Debian's
  | 'no-such-package' // the mirror lacks the suite or the package
  | 'network' // the mirror could not be reached, or apt refused what it sent
  | 'broken-package' // the archive could not be unpacked
  | 'no-mke2fs'; // mke2fs, which makes a disk image of packages, is not installed

/**
 * A Debian package could not be obtained; `reason` says in which way, the message says it to a
 * person.
 */
export class DebianPackageError extends Error {
  readonly reason: DebianPackageFailure;

  constructor(reason: DebianPackageFailure, message: string) {
    super(message);
    this.name = 'DebianPackageError';
    this.reason = reason;
  }
}

/** The result of a command: `missing` when there is no such program. */
export interface CommandResult {
  readonly ok: boolean;
  readonly missing: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end, in the C locale, in folder `cwd`. Never throws. */
export function runCommand(program: string, args: readonly string[], cwd?: string): CommandResult {
  const result = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: COMMAND_TIMEOUT_MS,
    maxBuffer: 64 * 2 ** 20,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
    ...(cwd === undefined ? {} : { cwd }),
  });
  const failure: NodeJS.ErrnoException | undefined = result.error;
  return {
    ok: result.status === 0,
    missing: failure?.code === 'ENOENT',
    stdout: result.stdout ?? '',
    stderr: result.stderr ?? '',
  };
}

/**
 * Base addresses of the Debian archives that the system's own apt configuration names, best first:
 * archives known to be Debian's main one, then those about which apt knows nothing yet (a system
 * whose lists were never fetched). Never empty.
 * @throws DebianPackageError `no-apt`; `not-debian` when every source is some other distribution's
 */
export function systemDebianMirrors(): readonly string[] {
  const format = ['indextargets', '--format', '$(REPO_URI)|$(ORIGIN)|$(LABEL)', 'Created-By: Packages'];
  const known = runCommand('apt-get', format);
  if (known.missing) {
    throw new DebianPackageError('no-apt', 'this system has no apt-get');
  }
  const all = [
    ...known.stdout.split('\n'),
    ...runCommand('apt-get', [...format, '--no-release-info']).stdout.split('\n'),
  ];
  return rankMirrors(all);
}

/**
 * The addresses in `lines` ("ADDRESS|ORIGIN|LABEL", where a field that apt does not know stays
 * "$(…)"), ranked as {@link systemDebianMirrors} says. An address that apt knows to be something
 * else is left out even where another line does not say so.
 * @throws DebianPackageError `not-debian` when nothing remains
 */
export function rankMirrors(lines: readonly string[]): readonly string[] {
  const rankOf = new Map<string, number>();
  const origins = new Set<string>();
  for (const line of lines) {
    const [uri = '', origin = '', label = ''] = line.split('|');
    if (uri === '') {
      continue;
    }
    const unknown = origin === '' || origin.startsWith('$(');
    if (!unknown) {
      origins.add(origin);
    }
    // The security archive holds no full suite; unknown archives come after known ones, and
    // security ones after those.
    const security = label.includes('Security') || uri.includes('security');
    const rank = unknown ? (security ? 3 : 2) : origin !== 'Debian' ? 4 : security ? 3 : 1;
    const previous = rankOf.get(uri);
    if (previous === undefined || previous === 2) {
      rankOf.set(uri, rank);
    }
  }
  const mirrors = [...rankOf].filter(([, rank]) => rank < 4).sort(([, a], [, b]) => a - b);
  if (mirrors.length === 0) {
    const found =
      origins.size === 0 ? 'name no archive' : `are those of ${[...origins].sort().join(', ')}, not of Debian`;
    throw new DebianPackageError('not-debian', `the package sources of this system ${found}`);
  }
  return mirrors.map(([uri]) => uri);
}

/** One Debian suite of one mirror, its index read. */
export interface PrivateApt {
  /**
   * Names of the packages in the suite that `pattern` matches, in no particular order. Linear in
   * the size of the index.
   */
  packageNames(pattern: RegExp): readonly string[];
  /**
   * The packages of the suite that `names` need to be installed on an empty system, themselves
   * among them, without what is only recommended.
   * @throws DebianPackageError `no-such-package` when one is not there or cannot be installed
   */
  withDependencies(names: readonly string[]): readonly string[];
  /**
   * Fetches packages (their newest versions) as .deb files into the existing folder `into`.
   * @throws DebianPackageError
   */
  download(names: readonly string[], into: string): void;
}

/**
 * Reads the index of `suite` ("trixie", "sid", …) for `architecture` (Debian's name: "amd64",
 * "arm64") from `mirror` into the new folder `folder`, about 45 MB while it lasts; the caller
 * removes the folder.
 * @throws DebianPackageError `no-apt`, `no-such-package` (no such suite), `network`, `not-debian`
 */
export function openPrivateApt(folder: string, mirror: string, suite: string, architecture: string): PrivateApt {
  for (const name of ['lists/partial', 'cache/archives/partial', 'state']) {
    mkdirSync(join(folder, name), { recursive: true });
  }
  const keyring = KEYRINGS.find((path) => existsSync(path));
  const signedBy = keyring === undefined ? '' : ` signed-by=${keyring}`;
  writeFileSync(join(folder, 'state', 'status'), '');
  writeFileSync(
    join(folder, 'sources.list'),
    `deb [arch=${architecture} target=Packages lang=none${signedBy}] ${mirror} ${suite} main\n`,
  );
  writeFileSync(join(folder, 'apt.conf'), aptConfiguration(folder, architecture));
  const apt = (program: string, args: readonly string[], cwd?: string): CommandResult =>
    runCommand(program, ['--config-file', join(folder, 'apt.conf'), ...args], cwd);

  const update = apt('apt-get', ['update']);
  if (!update.ok) {
    throw updateFailure(update, suite);
  }
  const origin = apt('apt-get', ['indextargets', '--format', '$(ORIGIN)']).stdout.trim();
  // "Debian", or "Debian Backports".
  if (!/^Debian( |$)/.test(origin)) {
    throw new DebianPackageError(
      'not-debian',
      `the suite ${suite} of this system's mirror comes from "${origin}", not from Debian`,
    );
  }

  return {
    packageNames(pattern) {
      const names = apt('apt-cache', ['pkgnames']).stdout.split('\n');
      return names.filter((name) => pattern.test(name));
    },
    withDependencies(names) {
      const plan = apt('apt-get', ['install', '--simulate', '--no-install-recommends', ...names]);
      if (!plan.ok) {
        throw new DebianPackageError(
          'no-such-package',
          `Debian ${suite} cannot give ${names.join(', ')} for ${architecture} (apt: ${lastComplaint(plan)})`,
        );
      }
      // "Inst libc6 (2.36-9 Debian:12.0/oldstable [arm64])"
      return [...plan.stdout.matchAll(/^Inst (\S+) /gm)].map(([, name]) => name ?? '');
    },
    download(names, into) {
      for (let start = 0; start < names.length; start += PACKAGES_AT_ONCE) {
        const some = names.slice(start, start + PACKAGES_AT_ONCE);
        const result = apt('apt-get', ['download', ...some], into);
        if (result.ok) continue;
        const absent = /Unable to locate package|no installation candidate|Can't select candidate/.test(result.stderr);
        throw new DebianPackageError(
          absent ? 'no-such-package' : 'network',
          absent
            ? `Debian ${suite} has no package ${some.join(', ')} for ${architecture}`
            : `apt: ${lastComplaint(result)}`,
        );
      }
    },
  };
}

function updateFailure(update: CommandResult, suite: string): DebianPackageError {
  if (/does not have a Release file|404 {2}Not Found/.test(update.stderr)) {
    return new DebianPackageError('no-such-package', `this system's mirror has no suite ${suite}`);
  }
  return new DebianPackageError(
    'network',
    `this system's Debian mirror could not be read (apt: ${lastComplaint(update)})`,
  );
}

function lastComplaint(result: CommandResult): string {
  const lines = result.stderr.split('\n').filter((line) => /^[EW]:/.test(line));
  return (lines[0] ?? result.stderr.trim().split('\n').at(-1) ?? 'no reason given').replace(/^[EW]: */, '');
}

/**
 * The hooks and pins of the system are cleared: they would act on the system (docker-clean empties
 * its caches) or hide the package.
 */
function aptConfiguration(folder: string, architecture: string): string {
  return `${[
    '#clear APT::Update::Pre-Invoke;',
    '#clear APT::Update::Post-Invoke;',
    '#clear APT::Update::Post-Invoke-Success;',
    '#clear APT::Default-Release;',
    '#clear APT::Architectures;',
    `APT::Architecture "${architecture}";`,
    `APT::Architectures { "${architecture}"; };`,
    // Without this a mirror out of reach is a warning, and an empty index looks like "no such
    // package".
    'APT::Update::Error-Mode "any";',
    // As root, apt would hand the files of the cache to its own user.
    'APT::Sandbox::User "root";',
    'Acquire::Languages "none";',
    'Acquire::Retries "1";',
    'Acquire::http::Timeout "15";',
    'Acquire::https::Timeout "15";',
    `Dir::State "${folder}/state";`,
    `Dir::State::status "${folder}/state/status";`,
    `Dir::State::lists "${folder}/lists";`,
    `Dir::Cache "${folder}/cache";`,
    `Dir::Etc::sourcelist "${folder}/sources.list";`,
    'Dir::Etc::sourceparts "/dev/null";',
    'Dir::Etc::preferences "/dev/null";',
    'Dir::Etc::preferencesparts "/dev/null";',
  ].join('\n')}\n`;
}
