// SPDX-License-Identifier: GPL-2.0-only
/**
 * Guests in a cache made for the test, and the errors of a system that cannot fetch. Nothing here
 * uses the network.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { bootCommands } from './boot-commands.ts';
import { debianRootFolder } from './debian-root.ts';
import { GuestFetchError } from './guest-fetch-error.ts';
import { fetchGuest, findDiskModules, findGuest, findRootModules, GUEST_NAMES, type GuestName } from './guest-files.ts';
import { writeGuestInitramfs } from './initramfs-file.ts';

let cache = '';
let savedPath: string | undefined;
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'levitate-guests-'));
  // No apt on the path: nothing below may reach the network.
  savedPath = process.env['PATH'];
  process.env['PATH'] = cache;
});
afterEach(() => {
  process.env['PATH'] = savedPath;
  rmSync(cache, { recursive: true, force: true });
});

function unpack(intoCache: string, packageName: string, ...files: readonly string[]): void {
  const folder = join(cache, 'guests', intoCache);
  for (const file of [...files, 'usr/share/doc/copyright']) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), 'content');
  }
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: packageName, version: '1-2' }));
}

function unpackAll(): void {
  const version = '7.4.1+deb13-arm64';
  unpack('u-boot-qemu', 'u-boot-qemu', 'usr/lib/u-boot/qemu_arm64/u-boot.bin');
  const firmware = ['usr/share/qemu-efi-aarch64/QEMU_EFI.fd', 'usr/share/AAVMF/AAVMF_CODE.fd'];
  unpack('uefi', 'qemu-efi-aarch64', ...firmware);
  unpack('grub', 'grub-efi-arm64-bin', 'usr/lib/grub/arm64-efi/monolithic/grubaa64.efi');
  unpack('linux-6.1+modules', 'linux-image-6.1.0-99-arm64', 'boot/vmlinuz-6.1.0-99-arm64');
  unpack('linux-backports', `linux-binary-${version}`, `usr/lib/modules/${version}/vmlinuz`);
  const trees = `usr/lib/modules/${version}/dtb`;
  const names = ['exynos/google/gs101-oriole.dtb', 'broadcom/bcm2711-rpi-4-b.dtb'];
  unpack(`device-trees/${version}`, `linux-base-${version}`, ...names.map((name) => `${trees}/${name}`));
  unpack('busybox', 'busybox-static', 'bin/busybox');
  unpack('xen', 'xen-hypervisor-4.99-arm64', 'boot/xen-4.99-arm64.efi', 'boot/xen-4.99-arm64');
  unpackRootKernel('virtio_mmio', 'virtio_blk');
  const root = debianRootFolder({ LEVITATE_CACHE: cache });
  mkdirSync(root);
  writeFileSync(join(root, 'root.ext4'), 'image');
  const packages = [{ name: 'base-files', version: '12.4' }];
  writeFileSync(join(root, 'root.json'), JSON.stringify({ packages }));
}

function unpackRootKernel(...modules: readonly string[]): void {
  const release = '6.12.117+deb13-cloud-arm64';
  const files = modules.map((name) => `usr/lib/modules/${release}/kernel/somewhere/${name}.ko.xz`);
  unpack('linux-6.12+modules', `linux-image-${release}`, `boot/vmlinuz-${release}`, ...files);
}

describe('findGuest', () => {
  it('is null for what is not there, and for a package without the file', () => {
    unpack('u-boot-qemu', 'u-boot-qemu', 'usr/lib/u-boot/qemu_arm/u-boot.bin');
    for (const name of ['u-boot', 'linux-6.1', 'oriole-dtb'] as const) {
      expect(findGuest(name, { LEVITATE_CACHE: cache })).toBeNull();
    }
  });

  it('finds UEFI as it is built and padded in one package', () => {
    unpackAll();
    const names = (['uefi', 'uefi-padded'] as const).map((name) =>
      basename(findGuest(name, { LEVITATE_CACHE: cache })?.path ?? ''),
    );
    expect(names).toEqual(['QEMU_EFI.fd', 'AAVMF_CODE.fd']);
  });

  it('finds a device tree only beside the kernel that it belongs to', () => {
    unpackAll();
    expect(findGuest('oriole-dtb', { LEVITATE_CACHE: cache })?.packageName).toBe('linux-base-7.4.1+deb13-arm64');
    unpack('linux-backports', 'linux-binary-7.5+deb13-arm64', 'usr/lib/modules/7.5/vmlinuz');
    expect(findGuest('oriole-dtb', { LEVITATE_CACHE: cache })).toBeNull();
  });
});

describe('findDiskModules', () => {
  const kernel = 'boot/vmlinuz-6.1.0-99-arm64';
  const names = ['ext4', 'jbd2', 'crc16', 'mbcache', 'virtio_blk', 'virtio_mmio', 'crc32c_generic'];
  const files = names.map((name) => `lib/modules/6.1.0-99-arm64/kernel/somewhere/${name}.ko`);
  const find = () => findDiskModules({ LEVITATE_CACHE: cache });

  it('gives each after what it needs', () => {
    unpack('linux-6.1+modules', 'linux-image-6.1.0-99-arm64', kernel, ...files);
    const order = find()?.paths.map((path) => basename(path, '.ko')) ?? [];
    expect(find()?.release).toBe('6.1.0-99-arm64');
    expect(order.toSorted()).toEqual(names.toSorted());
    for (const needed of ['crc16', 'mbcache', 'jbd2']) {
      expect(order.indexOf(needed)).toBeLessThan(order.indexOf('ext4'));
    }
  });

  it('is null without the kernel, and without one of them', () => {
    expect(find()).toBeNull();
    unpack('linux-6.1+modules', 'linux-image-6.1.0-99-arm64', kernel, ...files.slice(1));
    expect(find()).toBeNull();
  });
});

describe('findRootModules', () => {
  it('gives what the kernel of debian-12 lacks, the bus before what is on it; null without one of them', () => {
    unpackRootKernel('virtio_blk', 'virtio_mmio');
    const found = findRootModules({ LEVITATE_CACHE: cache });
    expect(found?.release).toBe('6.12.117+deb13-cloud-arm64');
    expect(found?.paths.map((path) => basename(path))).toEqual(['virtio_mmio.ko.xz', 'virtio_blk.ko.xz']);
    rmSync(found?.paths[0] ?? '');
    expect(findRootModules({ LEVITATE_CACHE: cache })).toBeNull();
  });
});

describe('fetchGuest', () => {
  it('answers from the cache, in silence', () => {
    unpackAll();
    const options = { env: { LEVITATE_CACHE: cache }, say: () => expect.unreachable('all is there') };
    const guests = new Map(GUEST_NAMES.map((name) => [name, fetchGuest(name, options)]));
    expect(guests.get('linux-6.1')).toEqual({
      guest: 'linux-6.1',
      path: join(cache, 'guests', 'linux-6.1+modules', 'boot', 'vmlinuz-6.1.0-99-arm64'),
      packageName: 'linux-image-6.1.0-99-arm64',
      packageVersion: '1-2',
    });
    expect(guests.get('debian-12')).toMatchObject({ packageName: '1 packages', packageVersion: '12.4' });
    expect(guests.get('busybox')?.path).toBe(join(cache, 'guests', 'busybox', 'bin', 'busybox'));
  });

  it('says what is lacking and what to do about it', () => {
    const fetch = () => fetchGuest('oriole-dtb', { env: { LEVITATE_CACHE: cache } });
    expect(fetch).toThrow(GuestFetchError);
    // The kernel comes first: without it nobody knows which tree.
    expect(fetch).toThrow(expect.objectContaining({ guest: 'linux-backports', reason: 'no-apt' }));
    expect(fetch).toThrow(/this system has no apt-get\. Run `npm run guest-images` in a Debian container and copy/);
  });

  it('does not take a cached package that lacks the file for a guest', () => {
    unpack('busybox', 'busybox-static', 'bin/other');
    expect(() => fetchGuest('busybox', { env: { LEVITATE_CACHE: cache } })).toThrow(
      expect.objectContaining({
        reason: 'broken-package',
        message: expect.stringContaining('Remove the guest’s folder'),
      }),
    );
  });
});

describe('writeGuestInitramfs', () => {
  it('writes the archive once, and again when busybox has changed', () => {
    const busybox = join(cache, 'busybox');
    const applets = [
      '[',
      '[[',
      'cat',
      'cttyhack',
      'mkfifo',
      'mount',
      'poweroff',
      'reboot',
      'setsid',
      'sh',
      'start-stop-daemon',
    ];
    writeFileSync(busybox, `code\0${applets.join('\0')}\0\0`);
    const path = writeGuestInitramfs(busybox, { LEVITATE_CACHE: cache });
    const first = statSync(path);
    expect(writeGuestInitramfs(busybox, { LEVITATE_CACHE: cache })).toBe(path);
    expect(statSync(path).ino).toBe(first.ino);
    writeFileSync(busybox, `new code\0${applets.join('\0')}\0\0`);
    writeGuestInitramfs(busybox, { LEVITATE_CACHE: cache });
    expect(readFileSync(path, 'latin1')).toContain('new code');
  });
});

describe('bootCommands', () => {
  const paths = new Map<GuestName, string>([
    ['u-boot', '/c/u-boot.bin'],
    ['uefi', '/c/QEMU_EFI.fd'],
    ['linux-6.1', '/c/my files/vmlinuz'],
    ['linux-backports', '/c/vmlinuz-7'],
    ['oriole-dtb', '/c/oriole.dtb'],
    ['linux-6.12', '/c/vmlinuz-6.12'],
    ['debian-12', '/c/root.ext4'],
    ['xen', '/c/xen'],
  ]);

  const BUILT = { initramfs: '/c/i.cpio', diskInitramfs: '/c/d.cpio', efiDisk: '/c/e.img', xenTree: '/c/x.dtb' };
  const NOTHING_BUILT = { initramfs: null, diskInitramfs: null, efiDisk: null, xenTree: null };

  it('gives a line for each boot, with words that a shell takes as one', () => {
    expect(bootCommands(paths, BUILT, '/c').map(({ command }) => command)).toEqual([
      'npm run boot -- --board qemu-virt --bios u-boot.bin',
      'npm run boot -- --board qemu-virt --bios QEMU_EFI.fd',
      'npm run boot -- --board qemu-virt --bios QEMU_EFI.fd --drive e.img',
      `npm run boot -- --board qemu-virt --kernel 'my files/vmlinuz' --initrd i.cpio --append "console=ttyAMA0"`,
      'npm run boot -- --board qemu-virt --seed 1 --kernel vmlinuz-6.12 --initrd d.cpio --drive root.ext4 --append "console=ttyAMA0"',
      'npm run boot -- --board pixel6 --kernel vmlinuz-7 --dtb oriole.dtb --initrd i.cpio --append "console=ttySAC0,115200n8"',
      `npm run boot -- --board qemu-virt --el 2 --gic-version 3 --fixups none --kernel xen --initrd 'my files/vmlinuz' --dtb x.dtb`,
    ]);
  });

  it('leaves out what cannot be booted', () => {
    expect(bootCommands(paths, NOTHING_BUILT, '/elsewhere/far').map(({ command }) => command)).toEqual([
      'npm run boot -- --board qemu-virt --bios /c/u-boot.bin',
      'npm run boot -- --board qemu-virt --bios /c/QEMU_EFI.fd',
    ]);
    expect(bootCommands(new Map(), BUILT, '/c')).toEqual([]);
  });
});
