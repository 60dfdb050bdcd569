// SPDX-License-Identifier: GPL-2.0-only
/**
 * FAT16 volumes, read back by a reader of our own and, where it is there, checked by dosfstools'
 * fsck.fat.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type FatFile, writeFat16 } from './fat.ts';

const hasFsck = spawnSync('fsck.fat', ['--help']).error === undefined;

const filled = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const FILES: readonly FatFile[] = [
  { path: 'EFI/BOOT/BOOTAA64.EFI', content: filled(100_000, 1) },
  { path: 'EFI/debian/grub.cfg', content: new TextEncoder().encode('boot\n') },
  { path: 'vmlinuz', content: filled(3 << 20, 2) },
  { path: 'empty', content: new Uint8Array() },
  // As many as need more than one cluster for their folder.
  ...Array.from({ length: 40 }, (_, index) => ({ path: `many/f${index}`, content: filled(index, index) })),
];

/** All files of a volume by their path, each followed through the table from cluster to cluster. */
function readFat16(image: Uint8Array): Map<string, Uint8Array> {
  const view = new DataView(image.buffer, image.byteOffset, image.length);
  const clusterBytes = view.getUint8(13) * 512;
  const table = view.getUint16(14, true) * 512;
  const root = table + view.getUint8(16) * view.getUint16(22, true) * 512;
  const rootBytes = view.getUint16(17, true) * 32;
  const chain = (first: number): Uint8Array => {
    const parts: Uint8Array[] = [];
    for (let cluster = first; cluster >= 2 && cluster < 0xfff8; cluster = view.getUint16(table + cluster * 2, true)) {
      const at = root + rootBytes + (cluster - 2) * clusterBytes;
      parts.push(image.subarray(at, at + clusterBytes));
    }
    return Buffer.concat(parts);
  };
  const found = new Map<string, Uint8Array>();
  const walk = (entries: Uint8Array, prefix: string): void => {
    const entry = new DataView(entries.buffer, entries.byteOffset, entries.length);
    for (let at = 0; at < entries.length && entries[at] !== 0; at += 32) {
      const text = Buffer.from(entries.subarray(at, at + 11)).toString('latin1');
      const [base, extension] = [text.slice(0, 8).trim(), text.slice(8).trim()];
      if (base.startsWith('.')) continue;
      const path = `${prefix}${base}${extension === '' ? '' : `.${extension}`}`;
      const content = chain(entry.getUint16(at + 26, true));
      if (entry.getUint8(at + 11) === 0x10) walk(content, `${path}/`);
      else found.set(path, content.subarray(0, entry.getUint32(at + 28, true)));
    }
  };
  walk(image.subarray(root, root + rootBytes), '');
  return found;
}

describe('writeFat16', () => {
  it('holds every file at its path', () => {
    const found = readFat16(writeFat16(FILES));
    expect([...found.keys()].toSorted()).toEqual(FILES.map(({ path }) => path.toUpperCase()).toSorted());
    for (const { path, content } of FILES) {
      expect(Buffer.compare(found.get(path.toUpperCase()) ?? expect.unreachable(path), content)).toBe(0);
    }
  });

  it.each([
    { title: 'nothing', files: [], sectorsPerCluster: 1 },
    { title: '3 MiB', files: FILES, sectorsPerCluster: 1 },
    { title: '70 MiB', files: [{ path: 'large', content: filled(70 << 20, 3) }], sectorsPerCluster: 4 },
  ])('is FAT16 by its number of clusters, with $title', ({ files, sectorsPerCluster }) => {
    const image = writeFat16(files);
    const view = new DataView(image.buffer);
    const sectors = view.getUint16(19, true) || view.getUint32(32, true);
    expect(sectors * 512).toBe(image.length);
    expect(view.getUint8(13)).toBe(sectorsPerCluster);
    const data = 1 + 2 * view.getUint16(22, true) + 32;
    const clusters = Math.floor((sectors - data) / sectorsPerCluster);
    expect(clusters).toBeGreaterThanOrEqual(4085);
    expect(clusters).toBeLessThanOrEqual(65524);
  });

  it.skipIf(!hasFsck)(`has nothing that fsck.fat would mend${hasFsck ? '' : ' (skipped: not installed)'}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'levitate-fat-'));
    try {
      const path = join(folder, 'disk.img');
      writeFileSync(path, writeFat16(FILES));
      const { status, stdout } = spawnSync('fsck.fat', ['-n', '-v', path], { encoding: 'utf8' });
      expect(stdout).toMatch(/48 files/);
      expect(stdout).not.toMatch(/auto-|differ|bad|wrong/i);
      expect(status, stdout).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it.each([
    { paths: ['a/long-file-name.txt'], message: 'a/long-file-name.txt: "long-file-name.txt" is no FAT name' },
    { paths: ['a//b'], message: 'a//b: "" is no FAT name' },
    { paths: ['a', 'A'], message: 'A is there twice' },
    { paths: ['a', 'a/b'], message: 'a/b: A is a file and a folder' },
    { paths: ['a/b', 'a'], message: 'a is there twice' },
    { paths: Array.from({ length: 513 }, (_, index) => `f${index}`), message: '512 entries fit at the root' },
  ])('refuses what cannot be written: $message', ({ paths, message }) => {
    expect(() => writeFat16(paths.map((path) => ({ path, content: new Uint8Array() })))).toThrow(message);
  });
});
