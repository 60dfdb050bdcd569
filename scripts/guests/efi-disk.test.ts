// SPDX-License-Identifier: GPL-2.0-only
/**
 * The menu of a disk for UEFI, the part that can be tested without a boot.
 * tests/guests/uefi-grub.test.ts boots such a disk.
 */

import { describe, expect, it } from 'vitest';
import { buildEfiDisk } from './efi-disk.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const build = (append: string): Uint8Array =>
  buildEfiDisk({ grub: bytes('GRUB'), kernel: bytes('kernel'), initramfs: bytes('archive'), append, menuSeconds: 7 });

describe('buildEfiDisk', () => {
  it('has a menu that loads what is on it, with the command line', () => {
    const text = Buffer.from(build('console=ttyAMA0 quiet')).toString('latin1');
    expect(text).toContain('set timeout=7\n');
    expect(text).toContain('  linux /vmlinuz console=ttyAMA0 quiet\n  initrd /initrd.img\n');
    for (const name of ['BOOTAA64EFI', 'GRUB    CFG', 'VMLINUZ    ', 'INITRD  IMG']) expect(text).toContain(name);
  });

  it('is the same for the same input', () => {
    expect(Buffer.compare(build('a'), build('a'))).toBe(0);
  });

  it.each(['a; reboot', 'a "b"', "it's", '$root', 'two\nlines', 'a { b', 'a # b'])(
    'refuses a command line that GRUB would read otherwise: %j',
    (append) => {
      expect(() => build(append)).toThrow(/command line .* has a character/);
    },
  );
});
