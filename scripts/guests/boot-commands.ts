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
  const commands: BootCommand[] = [];
  const uBoot = paths.get('u-boot');
  if (uBoot !== undefined) {
    commands.push({
      title: 'U-Boot on qemu-virt',
      command: `npm run boot -- --board qemu-virt --bios ${show(uBoot)}`,
    });
  }
  const uefi = paths.get('uefi');
  if (uefi !== undefined) {
    commands.push({
      title: 'UEFI on qemu-virt: its shell',
      command: `npm run boot -- --board qemu-virt --bios ${show(uefi)}`,
    });
  }
  if (uefi !== undefined && efiDisk !== null) {
    commands.push({
      title: "UEFI, GRUB and Debian 12's Linux from a disk, on qemu-virt",
      command: `npm run boot -- --board qemu-virt --bios ${show(uefi)} --drive ${show(efiDisk)}`,
    });
  }
  const linux = paths.get('linux-6.1');
  if (linux !== undefined && initramfs !== null) {
    commands.push({
      title: "Debian 12's Linux on qemu-virt",
      command: `npm run boot -- --board qemu-virt --kernel ${show(linux)} --initrd ${show(initramfs)} --append "console=ttyAMA0"`,
    });
  }
  const cloud = paths.get('linux-6.12');
  const disk = paths.get('debian-12');
  if (cloud !== undefined && disk !== undefined && diskInitramfs !== null) {
    commands.push({
      title: 'Debian 12 on a disk, with systemd, on qemu-virt; anyone logs in as root',
      command: `npm run boot -- --board qemu-virt --seed 1 --kernel ${show(cloud)} --initrd ${show(diskInitramfs)} --drive ${show(disk)} --append "console=ttyAMA0"`,
    });
  }
  const backports = paths.get('linux-backports');
  const tree = paths.get('oriole-dtb');
  if (backports !== undefined && tree !== undefined && initramfs !== null) {
    commands.push({
      title: "Debian 13's backported Linux on pixel6, with the upstream device tree",
      command: `npm run boot -- --board pixel6 --kernel ${show(backports)} --dtb ${show(tree)} --initrd ${show(initramfs)} --append "console=ttySAC0,115200n8"`,
    });
  }
  const rpi4Tree = paths.get('rpi4-dtb');
  if (backports !== undefined && rpi4Tree !== undefined && initramfs !== null) {
    commands.push({
      title: 'The same on rpi4',
      command: `npm run boot -- --board rpi4 --kernel ${show(backports)} --dtb ${show(rpi4Tree)} --initrd ${show(initramfs)} --append "console=ttyAMA0,115200n8"`,
    });
  }
  const xen = paths.get('xen');
  if (xen !== undefined && linux !== undefined && xenTree !== null) {
    commands.push({
      title: "Xen, and Debian 12's Linux as its Dom0, on qemu-virt",
      command: `npm run boot -- ${XEN_OPTIONS} --kernel ${show(xen)} --initrd ${show(linux)} --dtb ${show(xenTree)}`,
    });
  }
  return commands;
}

/** `text` as one word of a POSIX shell. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
