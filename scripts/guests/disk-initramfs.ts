// SPDX-License-Identifier: GPL-2.0-only
/**
 * An initial RAM file system that hands over to a root file system on a disk: the guest debian-12
 * under linux-6.12.
 *
 * ```
 *   /init           loads the modules, mounts /dev/vda, brings /handed's files into its /tmp, and becomes its init
 *   /bin/busybox    and a link to it, sh
 *   /lib            modules, compressed as Debian has them
 *   /handed         files of the caller's
 * ```
 * The program that is started there comes from the kernel's command line, as disk.init=PATH;
 * without it, it is /sbin/init.
 */

import { type CpioEntry, writeCpio } from './cpio.ts';

export interface DiskInitramfsOptions {
  /** A statically linked AArch64 busybox. */
  readonly busybox: Uint8Array;
  /** Modules in an order in which they can be loaded: `name` as in "virtio_blk.ko.xz". */
  readonly modules: readonly NamedFile[];
  /** Files for the root's /tmp, without folders; all of them executable. */
  readonly handed?: readonly NamedFile[];
}

export interface NamedFile {
  readonly name: string;
  readonly content: Uint8Array;
}

const EXECUTABLE = 0o755;
const FOLDERS = ['bin', 'dev', 'handed', 'lib', 'proc', 'root'] as const;

/** The archive. Same input, same bytes. */
export function buildDiskInitramfs({ busybox, modules, handed = [] }: DiskInitramfsOptions): Uint8Array {
  const file = (path: string, content: Uint8Array) => ({ kind: 'file', path, mode: EXECUTABLE, content }) as const;
  const entries: CpioEntry[] = [
    ...FOLDERS.map((path) => ({ kind: 'directory', path, mode: EXECUTABLE }) as const),
    { kind: 'character-device', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
    file('bin/busybox', busybox),
    { kind: 'link', path: 'bin/sh', target: 'busybox' },
    ...modules.map(({ name, content }) => file(`lib/${name}`, content)),
    ...handed.map(({ name, content }) => file(`handed/${name}`, content)),
    file('init', new TextEncoder().encode(initScript(modules.map(({ name }) => name)))),
  ];
  return writeCpio(entries);
}

function initScript(modules: readonly string[]): string {
  return `${[
    '#!/bin/sh',
    'b=/bin/busybox',
    '$b mount -t devtmpfs dev /dev',
    '$b mount -t proc proc /proc',
    // Unpacked first: busybox would offer the kernel the compressed file too, which complains.
    `for module in ${modules.join(' ')}; do`,
    '  $b xzcat /lib/$module > /module.ko',
    '  $b insmod /module.ko',
    'done',
    'until [ -b /dev/vda ]; do $b sleep 0.01; done',
    '$b mount -t ext4 /dev/vda /root',
    'init=/sbin/init',
    'for word in $($b cat /proc/cmdline); do',
    '  case $word in disk.init=*) init=${word#disk.init=} ;; esac',
    'done',
    '$b mount -o move /dev /root/dev',
    '$b mount -o move /proc /root/proc',
    '$b mount -t sysfs sys /root/sys',
    '$b mount -t tmpfs tmp /root/tmp',
    '$b cp /handed/* /root/tmp/ 2> /dev/null',
    'exec $b switch_root /root $init',
  ].join('\n')}\n`;
}
