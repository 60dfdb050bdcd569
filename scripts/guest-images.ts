// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run guest-images`: obtains guests that are not ours from Debian's packages, once, and says
 * where they are and how to boot them.
 */

import { statSync } from 'node:fs';
import { showBytes } from '#common/quantities.ts';
import { commandMain } from '#workbench/cli/command.ts';
import { flag } from '#workbench/cli/option-table.ts';
import { bootCommands } from './guests/boot-commands.ts';
import { fetchGuest, findGuest, GUEST_NAMES, type GuestName } from './guests/guest-files.ts';
import {
  writeGuestDiskInitramfs,
  writeGuestEfiDisk,
  writeGuestInitramfs,
  writeGuestXenTree,
} from './guests/initramfs-file.ts';

export const main = commandMain({
  name: 'guest-images',
  summary:
    'Fetches U-Boot, UEFI and GRUB, three Linux kernels, device trees, busybox, Xen and the packages of a root file system from Debian (220 MB, once; no root), builds an initramfs and disk images, and prints the commands that boot them.',
  usage: '[options]',
  options: { list: flag('say what the cache holds; fetch nothing') },
  examples: [['npm run guest-images'], ['npm run guest-images -- --list']],
  statuses: { 0: 'done', 2: 'usage, or a guest that cannot be had' },
  run({ options: { list } }) {
    report(!list);
    return 0;
  },
});

/**
 * Prints paths and commands on stdout, what is fetched on stderr.
 * @throws GuestFetchError when `fetch` and a guest cannot be had
 */
function report(fetch: boolean): void {
  const paths = new Map<GuestName, string>();
  for (const name of GUEST_NAMES) {
    const guest = fetch ? fetchGuest(name) : findGuest(name);
    const label = name.padEnd(16);
    if (guest === null) {
      process.stdout.write(`${label} not in the cache\n`);
      continue;
    }
    paths.set(name, guest.path);
    const size = showBytes(statSync(guest.path).size);
    process.stdout.write(`${label} ${guest.packageName} ${guest.packageVersion}, ${size}\n  ${guest.path}\n`);
  }
  const busybox = paths.get('busybox');
  const initramfs = busybox === undefined ? null : writeGuestInitramfs(busybox);
  const diskInitramfs = busybox === undefined ? null : writeGuestDiskInitramfs(busybox);
  const efiDisk = writeGuestEfiDisk();
  const xenTree = writeGuestXenTree();
  for (const [label, source, path] of [
    ['initramfs', 'that busybox', initramfs],
    ['disk-initramfs', 'that busybox', diskInitramfs],
    ['efi-disk', 'grub, linux-6.1 and that busybox', efiDisk],
    ['xen-tree', 'qemu-virt, with linux-6.1 as Dom0', xenTree],
  ] as const) {
    if (path === null) continue;
    process.stdout.write(`${label.padEnd(16)} of ${source}, ${showBytes(statSync(path).size)}\n  ${path}\n`);
  }
  for (const { title, command } of bootCommands(paths, { initramfs, diskInitramfs, efiDisk, xenTree }, process.cwd())) {
    process.stdout.write(`\n# ${title}\n${command}\n`);
  }
}
