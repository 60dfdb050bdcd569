// SPDX-License-Identifier: GPL-2.0-only
/**
 * A disk that UEFI boots by itself: GRUB at the path that every UEFI tries on removable media, and
 * a Linux that GRUB loads.
 *
 * ```
 *   EFI/BOOT/BOOTAA64.EFI   GRUB, with its modules in it
 *   EFI/debian/grub.cfg     the menu, at the path that Debian's GRUB has built in
 *   vmlinuz, initrd.img     the kernel with its EFI stub, and its initramfs
 * ```
 */

import { writeFat16 } from './fat.ts';

export interface EfiDiskOptions {
  /** Debian's grubaa64.efi. */
  readonly grub: Uint8Array;
  /** An arm64 Image with an EFI stub; not compressed. */
  readonly kernel: Uint8Array;
  readonly initramfs: Uint8Array;
  /** The kernel's command line. */
  readonly append: string;
  /** Seconds of the guest's time for which the menu waits for a key. */
  readonly menuSeconds: number;
}

/**
 * The disk's image. Same input, same bytes.
 * @throws RangeError for more than 2 GiB, and for a command line with a character that GRUB's shell
 * takes for its own
 */
export function buildEfiDisk({ grub, kernel, initramfs, append, menuSeconds }: EfiDiskOptions): Uint8Array {
  if (/["'\\$;&|<>{}#\n]/.test(append)) {
    throw new RangeError(`the command line ${JSON.stringify(append)} has a character that GRUB would take for its own`);
  }
  const menu = [
    `set timeout=${menuSeconds}`,
    'menuentry "Linux" {',
    '  echo "Loading Linux ..."',
    `  linux /vmlinuz ${append}`,
    '  initrd /initrd.img',
    '}',
  ];
  return writeFat16([
    { path: 'EFI/BOOT/BOOTAA64.EFI', content: grub },
    { path: 'EFI/debian/grub.cfg', content: new TextEncoder().encode(`${menu.join('\n')}\n`) },
    { path: 'vmlinuz', content: kernel },
    { path: 'initrd.img', content: initramfs },
  ]);
}
