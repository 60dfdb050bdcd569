// SPDX-License-Identifier: GPL-2.0-only
/**
 * A root file system of Debian 12 for arm64 as a disk image: packages by name with all that they
 * need, unpacked, in ext4.
 *
 * ```
 *   CACHE/guests/debian-12-root-RECIPE/root.ext4     the image, sparse; RECIPE is a digest of this file's lists
 *                                      root.json     the packages and their versions
 * ```
 * No script of a package runs, since they are programs of the other architecture: the few files
 * that scripts would make are written here. Nothing needs root; without it the files belong to the
 * user that made the image, by number. The same packages give the same image, to the byte.
 */

import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { cacheFolder } from '#workbench/engine-library/cache-folder.ts';
import {
  DebianPackageError,
  makeFolderOnce,
  tryMirrors,
  unpackArchive,
} from '#workbench/engine-library/debian-packages.ts';
import { openPrivateApt, runCommand, systemDebianMirrors } from '#workbench/engine-library/private-apt.ts';

const SUITE = 'bookworm';
const ARCHITECTURE = 'arm64';

/**
 * Packages requested by name: a shell with its tools, the languages, a compiler, cryptography, and
 * an init with its login.
 */
const PACKAGES = [
  ['bash', 'dash', 'coreutils', 'libc-bin', 'sed', 'grep', 'mawk', 'findutils', 'diffutils', 'tar', 'gzip'],
  ['util-linux', 'mount', 'perl', 'python3', 'gcc', 'libc6-dev', 'openssl'],
  ['systemd', 'systemd-sysv', 'udev', 'login', 'passwd'],
].flat();

/**
 * Files that are left out: documentation, translations, and the compiler's files for link-time
 * optimisation and for sanitizers.
 */
const LEFT_OUT = [
  /^\/usr\/share\/(man|info|locale|lintian|bug|gcc|gdb|zoneinfo)\//,
  /^\/usr\/share\/doc\/.*(?<!\/copyright)$/,
  /\/(lto1|lto-wrapper|lib(a|l|t|ub|hwa)san\.(a|so.*)|libgprofng\..*)$/,
];

/** Files that the packages' scripts would make. Anyone can log in as root, without a password. */
const WRITTEN: Readonly<Record<string, string>> = {
  'etc/passwd':
    'root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\n' +
    'nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  'etc/shadow': 'root::19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\nnobody:*:19000:0:99999:7:::\n',
  'etc/group':
    `root:x:0:\n${['daemon:x:1:', 'sys:x:3:', 'adm:x:4:', 'tty:x:5:', 'disk:x:6:', 'kmem:x:15:', 'utmp:x:43:'].join('\n')}\n` +
    'users:x:100:\nnogroup:x:65534:\n',
  'etc/hostname': 'levitate\n',
  'etc/fstab': '',
  'etc/nsswitch.conf': 'passwd: files\ngroup: files\nshadow: files\nhosts: files\n',
  'etc/machine-id': `${'0123456789abcdef'.repeat(2)}\n`,
  'etc/pam.d/common-auth': 'auth required pam_unix.so nullok\n',
  'etc/pam.d/common-account': 'account required pam_unix.so\n',
  'etc/pam.d/common-session': 'session required pam_unix.so\n',
  'etc/pam.d/common-session-noninteractive': 'session required pam_unix.so\n',
  'etc/pam.d/common-password': 'password required pam_unix.so\n',
};
const LINKS: Readonly<Record<string, string>> = {
  'usr/bin/awk': 'mawk',
  'etc/mtab': '../proc/self/mounts',
  // Sessions want a message bus, which is not there.
  'etc/systemd/system/systemd-logind.service': '/dev/null',
  // There are no virtual terminals.
  'etc/systemd/system/getty-static.service': '/dev/null',
};
/** The package's folders lie in usr, and have a link where they were. */
const MERGED = ['bin', 'sbin', 'lib'] as const;
const EMPTY_FOLDERS = ['dev', 'proc', 'sys', 'run', 'tmp', 'root', 'mnt', 'var/tmp', 'var/log'] as const;

const IMAGE_MEBIBYTES = 640;
/**
 * Fixed, so that the image is the same each time: identifiers, and the time that mke2fs writes
 * (seconds since 1970).
 */
const IDENTIFIER = '6c657669-7461-4465-8062-6f6f6b776f72';
const TIME = '1750000000';

/** A root image in the cache. */
export interface DebianRoot {
  /** Absolute path of the image. */
  readonly path: string;
  readonly packages: readonly { readonly name: string; readonly version: string }[];
}

/** Absolute path of the folder that holds the image, there or not. */
export function debianRootFolder(env?: NodeJS.ProcessEnv): string {
  const recipe = JSON.stringify([SUITE, PACKAGES, LEFT_OUT.map(String), WRITTEN, LINKS, IMAGE_MEBIBYTES, IDENTIFIER]);
  const digest = createHash('sha256').update(recipe).digest('hex').slice(0, 8);
  return join(cacheFolder(env), 'guests', `debian-12-root-${digest}`);
}

/** The image if the cache holds it, else null. */
export function findDebianRoot(env?: NodeJS.ProcessEnv): DebianRoot | null {
  const folder = debianRootFolder(env);
  const path = join(folder, 'root.ext4');
  try {
    const record = JSON.parse(readFileSync(join(folder, 'root.json'), 'utf8')) as Pick<DebianRoot, 'packages'>;
    return existsSync(path) ? { path, packages: record.packages } : null;
  } catch {
    return null;
  }
}

/**
 * The image, made first when it is not there; `onFetch` is called before the network is used.
 * @throws DebianPackageError with what failed
 */
export function fetchDebianRoot(onFetch: () => void, env?: NodeJS.ProcessEnv): DebianRoot {
  const present = findDebianRoot(env);
  if (present !== null) return present;
  const mirrors = systemDebianMirrors();
  // Before the download, which is the long part.
  const mke2fs = findMke2fs();
  return makeFolderOnce(debianRootFolder(env), {
    find: () => findDebianRoot(env),
    make: (work) => {
      onFetch();
      const archives = tryMirrors(mirrors, (mirror, index) => download(mirror, join(work, `apt-${index}`)));
      const root = join(work, 'root');
      for (const { path } of archives) unpackArchive(path, root);
      finish(root);
      const made = join(work, 'made');
      mkdirSync(made);
      makeImage(mke2fs, root, join(made, 'root.ext4'));
      const packages = archives.map(({ name, version }) => ({ name, version }));
      writeFileSync(join(made, 'root.json'), `${JSON.stringify({ suite: SUITE, packages }, null, 2)}\n`);
      return made;
    },
  });
}

interface Archive {
  readonly path: string;
  readonly name: string;
  readonly version: string;
}

function download(mirror: string, folder: string): readonly Archive[] {
  const apt = openPrivateApt(folder, mirror, SUITE, ARCHITECTURE);
  const into = join(folder, 'downloads');
  mkdirSync(into);
  apt.download(apt.withDependencies(PACKAGES), into);
  const files = readdirSync(into)
    .filter((file) => file.endsWith('.deb'))
    .sort();
  return files.map((file) => {
    const [name = '', version = ''] = file.split('_');
    return { path: join(into, file), name, version: decodeURIComponent(version) };
  });
}

/** Turns unpacked packages into installed ones, as far as this guest needs. */
function finish(root: string): void {
  for (const name of MERGED) {
    if (!existsSync(join(root, name)) || lstatSync(join(root, name)).isSymbolicLink()) continue;
    moveInto(join(root, name), join(root, 'usr', name));
    symlinkSync(join('usr', name), join(root, name));
  }
  removeLeftOut(root, '');
  for (const path of EMPTY_FOLDERS) mkdirSync(join(root, path), { recursive: true });
  for (const [path, content] of Object.entries(WRITTEN)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  for (const [path, to] of Object.entries(LINKS)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    rmSync(join(root, path), { force: true });
    symlinkSync(to, join(root, path));
  }
}

function removeLeftOut(root: string, inside: string): void {
  for (const entry of readdirSync(join(root, inside), { withFileTypes: true })) {
    const path = `${inside}/${entry.name}`;
    if (entry.isDirectory()) removeLeftOut(root, path);
    else if (LEFT_OUT.some((pattern) => pattern.test(path))) rmSync(join(root, path));
  }
}

function isFolder(path: string): boolean {
  return lstatSync(path).isDirectory();
}

/**
 * Moves what lies in folder `from` into `to`, where folders of the same name become one; `from` is
 * gone then.
 */
function moveInto(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  for (const name of readdirSync(from)) {
    const [source, target] = [join(from, name), join(to, name)];
    if (isFolder(source) && existsSync(target)) moveInto(source, target);
    else if (!existsSync(target)) renameSync(source, target);
    else if (lstatSync(target).isSymbolicLink()) {
      rmSync(target);
      cpSync(source, target, { verbatimSymlinks: true, preserveTimestamps: true });
    }
  }
  rmSync(from, { recursive: true });
}

/** @throws DebianPackageError `no-mke2fs` */
function findMke2fs(): string {
  // /sbin is not on everyone's path.
  const found = ['mke2fs', '/usr/sbin/mke2fs', '/sbin/mke2fs'].find((program) => !runCommand(program, ['-V']).missing);
  if (found === undefined) {
    throw new DebianPackageError('no-mke2fs', 'this system has no mke2fs, which makes its disk image');
  }
  return found;
}

function makeImage(mke2fs: string, root: string, image: string): void {
  const options = ['-q', '-t', 'ext4', '-m', '0', '-L', 'debian-12', '-U', IDENTIFIER];
  const extended = ['-E', `root_owner=0:0,hash_seed=${IDENTIFIER}`];
  const words = [...options, ...extended, '-d', root, image, `${IMAGE_MEBIBYTES}M`];
  const result = runCommand('env', [`E2FSPROGS_FAKE_TIME=${TIME}`, mke2fs, ...words]);
  if (!result.ok) throw new DebianPackageError('broken-package', `mke2fs: ${result.stderr.trim()}`);
}
