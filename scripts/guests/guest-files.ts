// SPDX-License-Identifier: GPL-2.0-only
/**
 * Guests from Debian's packages: the file, its package, and its place in the cache.
 *
 * ```
 *   CACHE/guests/u-boot-qemu/usr/lib/u-boot/qemu_arm64/u-boot.bin           for --bios on qemu-virt
 *         guests/uefi/usr/share/qemu-efi-aarch64/QEMU_EFI.fd                for --bios on qemu-virt: UEFI, 2 MiB
 *         guests/uefi/usr/share/AAVMF/AAVMF_CODE.fd                         the same, padded to the 64 MiB of the flash
 *         guests/grub/usr/lib/grub/arm64-efi/monolithic/grubaa64.efi        for that UEFI, on a disk: efi-disk.ts
 *         guests/linux-6.1+modules/boot/vmlinuz-VERSION                     for --kernel on qemu-virt
 *         guests/linux-6.1+modules/lib/modules/VERSION/kernel/…/NAME.ko     of that kernel, for the initramfs
 *         guests/linux-backports/usr/lib/modules/VERSION/vmlinuz            for --kernel on pixel6
 *         guests/device-trees/VERSION/usr/lib/modules/VERSION/dtb/…/NAME.dtb for --dtb, of that same kernel
 *         guests/xen/boot/xen-4.VERSION-arm64                for --kernel on qemu-virt at EL2: xen-tree.ts
 *         guests/busybox/bin/busybox                                        what the initramfs is made of
 *         guests/linux-6.12+modules/boot/vmlinuz-VERSION, usr/lib/modules/…  for --kernel, debian-12 as its disk
 *         guests/debian-12-root-RECIPE/root.ext4                            a root file system: debian-root.ts
 * ```
 * Versions move, so packages are found by pattern; once in the cache, a guest stays as it is until
 * its folder is removed. Nothing here needs root, and nothing is installed. The kernels' paths were
 * read from the packages themselves.
 */

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '#workbench/engine-library/cache-folder.ts';
import {
  DebianPackageError,
  fetchDebianPackage,
  findDebianPackage,
} from '#workbench/engine-library/debian-packages.ts';
import { type DebianRoot, fetchDebianRoot, findDebianRoot } from './debian-root.ts';
import { GuestFetchError } from './guest-fetch-error.ts';

/** The guests, in an order in which each comes after what it depends on. */
export const GUEST_NAMES = [
  'u-boot',
  'uefi',
  'uefi-padded',
  'grub',
  'linux-6.1',
  'linux-backports',
  'oriole-dtb',
  'rpi4-dtb',
  'busybox',
  'linux-6.12',
  'debian-12',
  'xen',
] as const;
export type GuestName = (typeof GUEST_NAMES)[number];

/** A guest's file in the cache. */
export interface GuestFile {
  readonly guest: GuestName;
  /** Absolute. */
  readonly path: string;
  /** The Debian package it came from, and that package's version. */
  readonly packageName: string;
  readonly packageVersion: string;
}

/** Modules of one kernel. */
export interface KernelModules {
  /** As `uname -r` prints it. */
  readonly release: string;
  /** Absolute, each after what it needs. */
  readonly paths: readonly string[];
}

/** Options for fetching guests. */
export interface GuestFetchOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** Gets one line before each use of the network; standard error without it. */
  readonly say?: (line: string) => void;
}

interface Recipe {
  /** For people: what it is, and about how large its package is. */
  readonly title: string;
  readonly packageMegabytes: number;
  readonly suite: string;
  /** A name, or a pattern of which the newest match counts. */
  readonly packageName: string | RegExp;
  readonly intoCache: string;
  /** The file that is the guest; the licence stays beside it. */
  readonly file: RegExp;
  /** Further files that are kept. */
  readonly beside?: RegExp;
}

const COPYRIGHT = /\/copyright$/;

/** One package has both: the firmware as it is built, and at the size of the flash bank. */
const UEFI = /^\/usr\/share\/qemu-efi-aarch64\/QEMU_EFI\.fd$/;
const UEFI_PADDED = /^\/usr\/share\/AAVMF\/AAVMF_CODE\.fd$/;

/** One package has both. */
const ORIOLE_DTB = /^\/usr\/lib\/modules\/[^/]+\/dtb\/exynos\/google\/gs101-oriole\.dtb$/;
const RPI4_DTB = /^\/usr\/lib\/modules\/[^/]+\/dtb\/broadcom\/bcm2711-rpi-4-b\.dtb$/;

/**
 * Modules of Debian 12's kernel that a disk takes, each after what it needs: the virtio block
 * device, and ext4 with the checksum that it asks the kernel's crypto code for. Debian builds
 * virtio itself in, and none of these.
 */
const DISK_MODULES = ['virtio_mmio', 'virtio_blk', 'crc16', 'crc32c_generic', 'mbcache', 'jbd2', 'ext4'] as const;

/**
 * The same for {@link findRootModules}' kernel, which has ext4 built in. Compressed; busybox's
 * insmod takes them as they are.
 */
const ROOT_MODULES = ['virtio_mmio', 'virtio_blk'] as const;

/** A guest of one package. */
type PackageGuest = Exclude<GuestName, 'debian-12'>;

/**
 * @throws GuestFetchError as {@link fetchGuest}: a device tree belongs to a kernel, which must be
 * there first
 */
function recipeOf(guest: PackageGuest, options: GuestFetchOptions, mayFetch: boolean): Recipe | null {
  switch (guest) {
    case 'u-boot':
      return {
        title: 'U-Boot for QEMU',
        packageMegabytes: 2,
        suite: 'bookworm',
        packageName: 'u-boot-qemu',
        intoCache: 'guests/u-boot-qemu',
        file: /^\/usr\/lib\/u-boot\/qemu_arm64\/u-boot\.bin$/,
      };
    case 'uefi':
    case 'uefi-padded':
      return {
        title: 'UEFI for QEMU',
        packageMegabytes: 9,
        suite: 'bookworm',
        packageName: 'qemu-efi-aarch64',
        intoCache: 'guests/uefi',
        file: guest === 'uefi' ? UEFI : UEFI_PADDED,
        beside: guest === 'uefi' ? UEFI_PADDED : UEFI,
      };
    case 'grub':
      return {
        title: 'GRUB for UEFI',
        packageMegabytes: 2,
        suite: 'bookworm',
        packageName: 'grub-efi-arm64-bin',
        intoCache: 'guests/grub',
        file: /^\/usr\/lib\/grub\/arm64-efi\/monolithic\/grubaa64\.efi$/,
      };
    case 'linux-6.1':
      return {
        title: "Debian 12's kernel",
        packageMegabytes: 60,
        suite: 'bookworm',
        // Neither rt nor cloud nor dbg nor unsigned.
        packageName: /^linux-image-6\.1\.0-\d+-arm64$/,
        intoCache: 'guests/linux-6.1+modules',
        file: /^\/boot\/vmlinuz-[^/]+$/,
        beside: new RegExp(`^(/usr)?/lib/modules/[^/]+/kernel/.*/(${DISK_MODULES.join('|')})\\.ko$`),
      };
    case 'linux-backports':
      return {
        title: "Debian 13's backported kernel",
        packageMegabytes: 12,
        suite: 'trixie-backports',
        // 7.2 or newer: the first that brings up the Pixel 6's serial line without modules.
        packageName: /^linux-binary-(7\.([2-9]|\d{2,})|[89]|\d{2,})(\.\d+)*\+deb13-arm64$/,
        intoCache: 'guests/linux-backports',
        file: /^\/usr\/lib\/modules\/[^/]+\/vmlinuz$/,
      };
    case 'oriole-dtb':
    case 'rpi4-dtb': {
      const kernel = mayFetch ? fetchGuest('linux-backports', options) : findGuest('linux-backports', options.env);
      if (kernel === null) return null;
      const version = kernel.packageName.replace(/^linux-binary-/, '');
      return {
        title: "the same kernel's device trees of the Pixel 6 and the Raspberry Pi 4",
        packageMegabytes: 5,
        suite: 'trixie-backports',
        packageName: `linux-base-${version}`,
        intoCache: `guests/device-trees/${version}`,
        file: guest === 'oriole-dtb' ? ORIOLE_DTB : RPI4_DTB,
        beside: guest === 'oriole-dtb' ? RPI4_DTB : ORIOLE_DTB,
      };
    }
    case 'busybox':
      return {
        title: 'busybox',
        packageMegabytes: 1,
        suite: 'bookworm',
        packageName: 'busybox-static',
        intoCache: 'guests/busybox',
        file: /^(\/usr)?\/bin\/busybox$/,
      };
    case 'linux-6.12':
      return {
        title: "Debian 13's kernel for clouds",
        packageMegabytes: 28,
        suite: 'trixie',
        packageName: /^linux-image-6\.12\.\d+\+deb13-cloud-arm64$/,
        intoCache: 'guests/linux-6.12+modules',
        file: /^\/boot\/vmlinuz-[^/]+$/,
        beside: new RegExp(`^/usr/lib/modules/[^/]+/kernel/.*/(${ROOT_MODULES.join('|')})\\.ko\\.xz$`),
      };
    case 'xen':
      return {
        title: "Debian 12's Xen",
        packageMegabytes: 1,
        suite: 'bookworm',
        packageName: /^xen-hypervisor-4\.\d+-arm64$/,
        intoCache: 'guests/xen',
        file: /^\/boot\/xen-4\.\d+-arm64$/,
      };
  }
}

/** The guest if the cache holds it, else null. Asks neither apt nor the network. */
export function findGuest(guest: GuestName, env?: NodeJS.ProcessEnv): GuestFile | null {
  if (guest === 'debian-12') return rootGuest(findDebianRoot(env));
  const recipe = recipeOf(guest, env === undefined ? {} : { env }, false);
  if (recipe === null) return null;
  const unpacked = findDebianPackage({ intoCache: recipe.intoCache, ...(env === undefined ? {} : { env }) });
  if (unpacked === null) return null;
  const path = findFile(unpacked.folder, recipe.file);
  return path === null ? null : { guest, path, packageName: unpacked.name, packageVersion: unpacked.version };
}

/**
 * The guest, obtained from Debian first when the cache does not hold it.
 * @throws GuestFetchError with what failed and what to do about it: no apt, sources that are not
 * Debian's, mirror out of reach, a suite without the package, a package without the file
 */
export function fetchGuest(guest: GuestName, options: GuestFetchOptions = {}): GuestFile {
  const present = findGuest(guest, options.env);
  if (present !== null) return present;
  const say = options.say ?? ((line) => process.stderr.write(`${line}\n`));
  try {
    if (guest === 'debian-12') {
      const what =
        'Debian 12 (about 140 packages of Debian bookworm, 90 MB) once, and making a disk of them in the cache';
      return rootGuest(fetchDebianRoot(() => say(`Fetching ${what} …`), options.env));
    }
    const recipe = recipeOf(guest, options, true);
    if (recipe === null) throw new Error(`no recipe for ${guest}`);
    const unpacked = fetchDebianPackage({
      name: recipe.packageName,
      suite: recipe.suite,
      architecture: 'arm64',
      intoCache: recipe.intoCache,
      only: new RegExp([recipe.file, COPYRIGHT, recipe.beside ?? recipe.file].map(({ source }) => source).join('|')),
      onFetch: () => {
        say(
          `Fetching ${recipe.title} (Debian ${recipe.suite}, about ${recipe.packageMegabytes} MB) once into the cache …`,
        );
      },
      ...(options.env === undefined ? {} : { env: options.env }),
    });
    const path = findFile(unpacked.folder, recipe.file);
    if (path === null) {
      throw new DebianPackageError(
        'broken-package',
        `${unpacked.name} ${unpacked.version} has no file that matches ${recipe.file.source}`,
      );
    }
    return { guest, path, packageName: unpacked.name, packageVersion: unpacked.version };
  } catch (error) {
    // It belongs to another guest, which this one needs.
    if (error instanceof GuestFetchError) throw error;
    if (error instanceof DebianPackageError) throw new GuestFetchError(guest, error);
    throw error;
  }
}

function rootGuest(root: DebianRoot): GuestFile;
function rootGuest(root: DebianRoot | null): GuestFile | null;
function rootGuest(root: DebianRoot | null): GuestFile | null {
  if (root === null) return null;
  const base = root.packages.find(({ name }) => name === 'base-files');
  const packageName = `${root.packages.length} packages`;
  return { guest: 'debian-12', path: root.path, packageName, packageVersion: base?.version ?? 'of Debian 12' };
}

/**
 * The disk modules of Debian 12's kernel, in an order in which they can be loaded; null when the
 * cache does not hold that kernel with all of them. Asks neither apt nor the network.
 */
export function findDiskModules(env?: NodeJS.ProcessEnv): KernelModules | null {
  return findModules('linux-6.1', DISK_MODULES, '.ko', env);
}

/** The same for linux-6.12: what it lacks to mount the disk of debian-12. */
export function findRootModules(env?: NodeJS.ProcessEnv): KernelModules | null {
  return findModules('linux-6.12', ROOT_MODULES, '.ko.xz', env);
}

function findModules(
  guest: PackageGuest,
  names: readonly string[],
  ending: string,
  env: NodeJS.ProcessEnv | undefined,
): KernelModules | null {
  const recipe = recipeOf(guest, env === undefined ? {} : { env }, false);
  const kernel = findGuest(guest, env);
  if (recipe === null || kernel === null) return null;
  const folder = join(cacheFolder(env), ...recipe.intoCache.split('/'));
  const paths = names.map((name) => findFile(folder, new RegExp(`/${name}${ending.replaceAll('.', String.raw`\.`)}$`)));
  if (paths.includes(null)) return null;
  return { release: kernel.packageName.replace(/^linux-image-/, ''), paths: paths.filter((path) => path !== null) };
}

/** The first file below `folder` whose path inside it matches, in sorted order. */
function findFile(folder: string, pattern: RegExp): string | null {
  if (!existsSync(folder)) return null;
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  const path = paths.find((candidate) => pattern.test(`/${candidate.replaceAll('\\', '/')}`));
  return path === undefined ? null : join(folder, path);
}
