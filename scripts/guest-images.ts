/**
 * `npm run guest-images`: obtains guests that are not ours from Debian's packages, once, and says
 * where they are and how to boot them.
 *
 * `--list` says what the cache holds and uses no network. Exit status 0; 2 when a guest cannot be
 * had, or for a wrong argument.
 */

import { statSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { showBytes } from '#common/quantities.ts';
import { bootCommands } from './guests/boot-commands.ts';
import { GuestFetchError } from './guests/guest-fetch-error.ts';
import { fetchGuest, findGuest, GUEST_NAMES, type GuestName } from './guests/guest-files.ts';
import { writeGuestDiskInitramfs, writeGuestEfiDisk, writeGuestInitramfs } from './guests/initramfs-file.ts';

const USAGE = `usage: npm run guest-images [-- --list]
  Fetches U-Boot, UEFI and GRUB, three Linux kernels, a device tree, busybox and the packages of a root file system from
  Debian (220 MB, once; no root), builds an initramfs and disk images, and prints the commands that boot them.
  --list   say what the cache holds; fetch nothing
`;

/** Prints paths and commands on stdout, what is fetched on stderr; returns the exit status. */
export function main(args: readonly string[]): number {
  let options: { readonly list?: boolean; readonly help?: boolean };
  try {
    const definitions = { list: { type: 'boolean' }, help: { type: 'boolean' } } as const;
    options = parseArgs({ args: [...args], options: definitions }).values;
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n${USAGE}`);
    return 2;
  }
  if (options.help === true) {
    process.stdout.write(USAGE);
    return 0;
  }
  try {
    report(options.list !== true);
    return 0;
  } catch (error) {
    if (!(error instanceof GuestFetchError)) throw error;
    process.stderr.write(`${error.message}\n`);
    return 2;
  }
}

/** @throws GuestFetchError when `fetch` and a guest cannot be had */
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
  for (const [label, source, path] of [
    ['initramfs', 'that busybox', initramfs],
    ['disk-initramfs', 'that busybox', diskInitramfs],
    ['efi-disk', 'grub, linux-6.1 and that busybox', efiDisk],
  ] as const) {
    if (path === null) continue;
    process.stdout.write(`${label.padEnd(16)} of ${source}, ${showBytes(statSync(path).size)}\n  ${path}\n`);
  }
  for (const { title, command } of bootCommands(paths, { initramfs, diskInitramfs, efiDisk }, process.cwd())) {
    process.stdout.write(`\n# ${title}\n${command}\n`);
  }
}
