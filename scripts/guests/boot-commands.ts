// SPDX-License-Identifier: GPL-2.0-only
/** The commands that boot the guests, as the guide and `npm run guest-images` show them. */

import { relative } from 'node:path';
import type { GuestName } from './guest-files.ts';
import { XEN_OPTIONS } from './xen-tree.ts';

/** A boot of a guest: a title for people and a line for a shell. */
export interface BootCommand {
  readonly title: string;
  readonly command: string;
}

/** Guest files that are built here: absolute paths; null for one that is not built. */
export interface BuiltGuests {
  /** With busybox. */
  readonly initramfs: string | null;
  /** The initramfs that hands over to a disk. */
  readonly diskInitramfs: string | null;
  /** The disk that UEFI boots. */
  readonly efiDisk: string | null;
  /** Device tree of Xen. */
  readonly xenTree: string | null;
}

/** Paths by the option that takes them; none for a file that is not there. */
type Files = Readonly<Record<string, string | null | undefined>>;

/**
 * One line for each boot whose files are there. `paths` are absolute, shown relative to `from`
 * where that is shorter.
 */
export function bootCommands(
  paths: ReadonlyMap<GuestName, string>,
  { initramfs, diskInitramfs, efiDisk, xenTree }: BuiltGuests,
  from: string,
): readonly BootCommand[] {
  const show = (path: string): string => {
    const near = relative(from, path);
    return quote(near !== '' && near.length < path.length ? near : path);
  };
  const linux = paths.get('linux-6.1');
  const backports = paths.get('linux-backports');
  const boots: readonly (readonly [title: string, options: string, files: Files, append?: string])[] = [
    ['U-Boot on qemu-virt', '--board qemu-virt', { bios: paths.get('u-boot') }],
    ['UEFI on qemu-virt: its shell', '--board qemu-virt', { bios: paths.get('uefi') }],
    [
      "UEFI, GRUB and Debian 12's Linux from a disk, on qemu-virt",
      '--board qemu-virt',
      { bios: paths.get('uefi'), drive: efiDisk },
    ],
    ["Debian 12's Linux on qemu-virt", '--board qemu-virt', { kernel: linux, initrd: initramfs }, 'console=ttyAMA0'],
    [
      'Debian 12 on a disk, with systemd, on qemu-virt; anyone logs in as root',
      '--board qemu-virt --seed 1',
      { kernel: paths.get('linux-6.12'), initrd: diskInitramfs, drive: paths.get('debian-12') },
      'console=ttyAMA0',
    ],
    [
      "Debian 13's backported Linux on pixel6, with the upstream device tree",
      '--board pixel6',
      { kernel: backports, dtb: paths.get('oriole-dtb'), initrd: initramfs },
      'console=ttySAC0,115200n8',
    ],
    [
      'The same on rpi4',
      '--board rpi4',
      { kernel: backports, dtb: paths.get('rpi4-dtb'), initrd: initramfs },
      'console=ttyAMA0,115200n8',
    ],
    [
      "Xen, and Debian 12's Linux as its Dom0, on qemu-virt",
      XEN_OPTIONS,
      { kernel: paths.get('xen'), initrd: linux, dtb: xenTree },
    ],
  ];
  return boots.flatMap(([title, options, files, append]) => {
    const words = ['npm run boot --', options];
    for (const [option, path] of Object.entries(files)) {
      if (path === undefined || path === null) return [];
      words.push(`--${option} ${show(path)}`);
    }
    if (append !== undefined) words.push(`--append "${append}"`);
    return [{ title, command: words.join(' ') }];
  });
}

/** `text` as one word of a POSIX shell. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
