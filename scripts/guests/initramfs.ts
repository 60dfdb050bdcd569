// SPDX-License-Identifier: GPL-2.0-only
/**
 * An initial RAM file system for Linux: busybox, its applets, and an /init that says when it runs
 * and then gives a shell on the console.
 *
 * ```
 *   /init            #!/bin/sh: mounts proc, sys, devtmpfs; prints LEVITATE-INIT-READY; extra commands; then shells
 *   /bin/busybox     and a link for each of its applets; /bin/console-shells
 *   /dev/console     5, 1: what the kernel opens before /init runs (Documentation/admin-guide/initrd.rst)
 *   /lib/modules/    kernel modules, which /init loads where the running kernel is theirs
 *   /proc /sys /tmp /root /etc
 * ```
 * /init is process 1, to which busybox's poweroff, reboot and halt send signals (USR2, TERM, USR1)
 * as to an init; it acts on them. The shells are started by start-stop-daemon, because what a
 * script itself starts in the background ignores Ctrl-C. Same input, same bytes. Compressing is the
 * caller's choice.
 */

import { type CpioEntry, writeCpio } from './cpio.ts';

/** The line that /init prints as soon as it runs. */
export const INIT_READY_MARKER = 'LEVITATE-INIT-READY';

export interface InitramfsOptions {
  /** A statically linked AArch64 busybox. */
  readonly busybox: Uint8Array;
  /**
   * Modules that /init loads after its marker, in this order, when the running kernel's release is
   * theirs.
   */
  readonly modules?: InitramfsModules | null;
  /** Shell commands that /init runs after that, before the first shell. */
  readonly extraCommands?: readonly string[];
}

/** Kernel modules: `release` as `uname -r` prints it; a name as in "virtio.ko". */
export interface InitramfsModules {
  readonly release: string;
  readonly files: readonly { readonly name: string; readonly content: Uint8Array }[];
}

const EXECUTABLE = 0o755;
/**
 * Gives shells, one after the other. cttyhack opens the console's own terminal, so that Ctrl-C
 * reaches what runs on it.
 */
const CONSOLE_SCRIPT = '/bin/console-shells';
const CONSOLE_COMMANDS = ['#!/bin/sh', 'cd /root', 'while :; do', '  setsid cttyhack sh', 'done', ''].join('\n');
const MODULE_FOLDER = 'lib/modules';
const FOLDERS = ['bin', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp'] as const;
/** /init needs at least a shell and mount. */
const NEEDED_APPLETS = 'sh mount setsid cttyhack start-stop-daemon mkfifo cat poweroff reboot'.split(' ');

/**
 * The archive.
 * @throws Error when `busybox` has no table of applets, or lacks one that /init needs
 */
export function buildLinuxInitramfs(options: InitramfsOptions): Uint8Array {
  const applets = busyboxApplets(options.busybox).filter((name) => name !== 'busybox');
  const missing = NEEDED_APPLETS.filter((name) => !applets.includes(name));
  if (missing.length > 0) throw new Error(`this busybox lacks ${missing.join(', ')}`);
  const modules = options.modules ?? null;
  const commands = [...(modules === null ? [] : [loadModules(modules)]), ...(options.extraCommands ?? [])];
  const init = new TextEncoder().encode(initScript(commands));
  const entries: CpioEntry[] = [
    ...FOLDERS.map((path) => ({ kind: 'directory', path, mode: EXECUTABLE }) as const),
    { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    { kind: 'file', path: 'bin/busybox', mode: EXECUTABLE, content: options.busybox },
    ...applets.map((name) => ({ kind: 'link', path: `bin/${name}`, target: 'busybox' }) as const),
    {
      kind: 'file',
      path: CONSOLE_SCRIPT.slice(1),
      mode: EXECUTABLE,
      content: new TextEncoder().encode(CONSOLE_COMMANDS),
    },
    ...(modules === null ? [] : moduleEntries(modules)),
    { kind: 'file', path: 'init', mode: EXECUTABLE, content: init },
  ];
  return writeCpio(entries);
}

function moduleEntries({ files }: InitramfsModules): CpioEntry[] {
  return [
    ...['lib', MODULE_FOLDER].map((path) => ({ kind: 'directory', path, mode: EXECUTABLE }) as const),
    ...files.map(
      ({ name, content }) => ({ kind: 'file', path: `${MODULE_FOLDER}/${name}`, mode: 0o644, content }) as const,
    ),
  ];
}

function loadModules({ release, files }: InitramfsModules): string {
  const names = files.map(({ name }) => name).join(' ');
  return `[ "$(uname -r)" = ${release} ] && for name in ${names}; do insmod /${MODULE_FOLDER}/$name; done`;
}

function initScript(extraCommands: readonly string[]): string {
  return `${[
    '#!/bin/sh',
    'export PATH=/bin HOME=/root TERM=vt100',
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    'mount -t devtmpfs devtmpfs /dev',
    "trap 'poweroff -f' USR2",
    "trap 'reboot -f' TERM",
    "trap 'halt -f' USR1",
    `echo ${INIT_READY_MARKER}`,
    ...extraCommands,
    // Process 1 waits for signals, and so needs something to wait for that never ends: opening a
    // pipe that nobody writes to.
    'mkfifo /tmp/never',
    `start-stop-daemon -S -b -x ${CONSOLE_SCRIPT}`,
    'while :; do',
    '  cat /tmp/never &',
    '  wait $!',
    'done',
  ].join('\n')}\n`;
}

/**
 * The names in busybox's table of applets: sorted, each followed by NUL, beginning with "[" and
 * "[[" (include/applet_tables.h of its build). Read from the binary, because it cannot be run here.
 * @throws Error when there is no such table
 */
export function busyboxApplets(busybox: Uint8Array): readonly string[] {
  const binary = Buffer.from(busybox.buffer, busybox.byteOffset, busybox.byteLength);
  const start = binary.indexOf('\0[\0[[\0', 0, 'latin1') + 1;
  const end = start === 0 ? -1 : binary.indexOf('\0\0', start, 'latin1');
  if (end < 0) throw new Error('this is not a busybox with a table of applets');
  const names = binary.toString('latin1', start, end).split('\0');
  const odd = names.find((name) => !/^[a-z0-9_.[\]-]+$/i.test(name));
  if (odd !== undefined) throw new Error(`the table of applets holds "${odd}"`);
  return names;
}
