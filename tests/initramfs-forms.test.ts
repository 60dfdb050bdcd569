// SPDX-License-Identifier: GPL-2.0-only
/** Archives as other tools write them: archives that Linux reads are read, and /init runs. */

import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { encodeLz4Legacy } from '#emulator/loader/testing/lz4-encoder.ts';
import { boot } from '#workbench/testing.ts';

const OURS = readFileSync(new URL('../firmware/images/initramfs.cpio', import.meta.url));
const TRAILER_AT = OURS.lastIndexOf('TRAILER!!!') - 110;

/** One entry, its name padded with NULs to `nameBytes`. */
function entry(
  name: string,
  mode: number,
  content: string,
  { nameBytes = name.length + 1, check = 0, magic = '070701' } = {},
): Buffer {
  const hex = (value: number) => value.toString(16).padStart(8, '0');
  const fields = [1, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, nameBytes, check].map(hex).join('');
  const head = `${magic}${fields}${name.padEnd(nameBytes, '\0')}`;
  const padded = (text: string) => text.padEnd(Math.ceil(text.length / 4) * 4, '\0');
  return Buffer.from(padded(head) + padded(content), 'latin1');
}

describe('an initramfs', () => {
  it.each([
    ['without a trailer', OURS.subarray(0, TRAILER_AT)],
    ['with text after it', Buffer.concat([OURS, Buffer.from('\0\0\0\0bootconfig\n')])],
    ['with a name that is padded', Buffer.concat([entry('etc', 0o40755, '', { nameBytes: 3986 }), OURS])],
    [
      'with a checked entry in front',
      Buffer.concat([entry('a', 0o100644, 'AB', { check: 131, magic: '070702' }), OURS]),
    ],
  ])('%s', (_what, initrd) => {
    expect(boot('qemu-virt', { initrd })).toExitWith('init', 0);
  });

  it('with something else after it is reported in one line', () => {
    const { machine } = boot('qemu-virt', { initrd: Buffer.concat([OURS, Buffer.from('\0\0\0\0bootconfig\n')]) });
    expect(machine.serial.text.match(/: the rest is ignored$/gm)).toHaveLength(1);
    expect(boot('qemu-virt', { initrd: OURS }).machine.serial.text).not.toContain('ignored');
  });

  it.each([
    ['gzip', gzipSync(OURS)],
    ['gzip with something after it', Buffer.concat([gzipSync(OURS), Buffer.from('signed')])],
    ['the legacy frame of LZ4', encodeLz4Legacy(OURS)],
  ])('that is compressed: %s', (_what, initrd) => {
    expect(boot('qemu-virt', { initrd })).toExitWith('init', 0);
  });

  it('that is compressed and larger than RAM, or damaged, is refused by name', () => {
    const make = (initrd: Uint8Array) => () => boot('qemu-virt', { initrd, memoryBytes: 64 * 2 ** 20 });
    expect(make(gzipSync(Buffer.alloc(2 ** 27)))).toThrow(/--initrd: .*more than the RAM of qemu-virt, 64 MiB/);
    expect(make(gzipSync(OURS).subarray(0, 100))).toThrow(/--initrd: .*unexpected end of file/);
  });

  it('whose /init is a symbolic link through another', () => {
    const moved = Buffer.from(OURS.toString('latin1').replace('init\0', 'moon\0'), 'latin1');
    const links = Buffer.concat([entry('init', 0o120777, 'sbin/../first'), entry('first', 0o120777, '/moon')]);
    const { machine } = boot('qemu-virt', { initrd: Buffer.concat([links, moved]) });
    expect(machine.serial.text).toContain('/init is pid 1');
  });

  it('with a wrong sum ends there, and the reason is told', () => {
    const bad = entry('a', 0o100644, 'AB', { check: 130, magic: '070702' });
    const { machine } = boot('qemu-virt', { initrd: Buffer.concat([bad, OURS]) });
    expect(machine.serial.text).toContain('the content of a has the sum 0x00000083, not 0x00000082');
  });
});
