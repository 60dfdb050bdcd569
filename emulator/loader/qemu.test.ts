// SPDX-License-Identifier: GPL-2.0-only
/**
 * The addresses of QEMU's own loader, read from the memory of a stopped machine, beside those of
 * load-guest.ts. Skipped, by name, where QEMU is not installed; never on continuous integration.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, gunzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type GuestPlan, loadGuest } from './load-guest.ts';
import { openGuest } from './open-guest.ts';
import { asciiBytes, elfBytes, imageBytes, patternBytes } from './testing/guest-images.ts';

const QEMU = 'qemu-system-aarch64';
const absent = spawnSync(QEMU, ['--version']).status !== 0 && process.env['CI'] !== 'true';
const MiB = 2 ** 20;
/** QEMU's tree is a blob of this size, whatever is in it. */
const QEMU_DTB_BYTES = MiB;

/** 64-bit words of a stopped machine's memory: `count` from each address. */
function readMemory(kernel: Uint8Array, initrd: Uint8Array | null, megabytes: number, at: readonly number[]): bigint[] {
  const folder = mkdtempSync(join(tmpdir(), 'qemu-loader-'));
  try {
    writeFileSync(join(folder, 'kernel'), kernel);
    if (initrd !== null) writeFileSync(join(folder, 'initrd'), initrd);
    const fixed = '-M virt -cpu cortex-a72 -S -display none -nic none -serial none -monitor stdio'.split(' ');
    const files = ['-kernel', join(folder, 'kernel'), ...(initrd === null ? [] : ['-initrd', join(folder, 'initrd')])];
    const input = `${at.map((address) => `xp /1gx ${address}\n`).join('')}quit\n`;
    const run = spawnSync(QEMU, [...fixed, '-m', `${megabytes}M`, ...files], { input, encoding: 'utf8' });
    if (run.error !== undefined) throw run.error;
    const words = [...run.stdout.matchAll(/^[0-9a-f]{16}: 0x([0-9a-f]{16})/gm)].map(([, word]) => BigInt(`0x${word}`));
    if (words.length !== at.length) throw new Error(`QEMU said: ${run.stdout}${run.stderr}`);
    return words;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function plan(kernel: Uint8Array, initrd: Uint8Array | null, megabytes: number): GuestPlan {
  const guest = openGuest({ kernel, ...(initrd === null ? {} : { initrd }) }, { gunzip: (bytes) => gunzipSync(bytes) });
  const ram = [{ base: 0x4000_0000, size: megabytes * MiB }];
  return loadGuest(guest, { ram, reserved: [], rules: { by: 'qemu' } }, QEMU_DTB_BYTES);
}

/** Addresses at which QEMU's first instructions keep those of the tree and of the kernel. */
const STUB_DTB = 0x4000_0018;
const STUB_ENTRY = 0x4000_0020;
const MARK = 0x4b52_414d_4452_5449n;

function markedInitrd(bytes: number): Uint8Array {
  const initrd = patternBytes(bytes);
  initrd.set(asciiBytes('ITRDMARK'));
  return initrd;
}

describe(`QEMU’s -kernel${absent ? ` (skipped: ${QEMU} is not installed)` : ''}`, () => {
  it.skipIf(absent).each([
    ['a kernel of today', imageBytes({}), null, 1024],
    ['gzip', new Uint8Array(gzipSync(imageBytes({}))), null, 1024],
    ['text_offset 0x80000, an initrd', imageBytes({ textOffset: 0x8_0000n }), 5 * MiB + 1, 1024],
    ['text_offset 0x1000, little RAM', imageBytes({ textOffset: 0x1000n }), 4096, 128],
    ['text_offset 0xffc, an odd amount of RAM', imageBytes({ textOffset: 0xffcn }), 4096, 130],
    ['image_size 0', imageBytes({ imageSize: 0n, textOffset: 0n }), 4096, 256],
    ['a kernel that reaches beyond 128 MiB', imageBytes({ imageSize: 0x900_0010n }), 4096, 1024],
    ['no initrd, a kernel that reaches beyond 128 MiB', imageBytes({ imageSize: 0x900_0010n }), null, 1024],
    ['raw code', patternBytes(8192), 4096, 1024],
  ] as const)('%s', (_, kernel, initrdBytes, megabytes) => {
    const initrd = initrdBytes === null ? null : markedInitrd(initrdBytes);
    const expected = plan(kernel, initrd, megabytes);
    const start = expected.chosen.initrd?.start;
    const [dtb, entry, magic, mark] = readMemory(kernel, initrd, megabytes, [
      STUB_DTB,
      STUB_ENTRY,
      expected.dtb ?? 0,
      ...(start === undefined ? [] : [start]),
    ]);
    expect(dtb).toBe(BigInt(expected.entry.x0));
    expect(entry).toBe(BigInt(expected.entry.pc));
    expect(magic).toBe(0x1000_edfe_0dd0n);
    expect(mark).toBe(start === undefined ? undefined : MARK);
  });

  it.skipIf(absent)('ELF: segments at p_paddr, the tree below them', () => {
    const kernel = elfBytes(0x4020_0000n, [{ physical: 0x4020_0000, bytes: markedInitrd(64) }]);
    const expected = plan(kernel, null, 1024);
    const [magic, code] = readMemory(kernel, null, 1024, [expected.dtb ?? 0, 0x4020_0000]);
    expect(expected.dtb).toBe(0x4000_0000);
    expect(magic).toBe(0x1000_edfe_0dd0n);
    expect(code).toBe(MARK);
  });
});
