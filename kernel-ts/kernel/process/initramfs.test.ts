// SPDX-License-Identifier: GPL-2.0-only
/**
 * Archives as people and tools make them, read where they lie in memory; each way in which one can
 * be broken; and what the cpio program makes.
 */

import { spawnSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { FakeMemory } from '#kernel-ts/kernel/mm/testing/fake-memory.ts';
import { Initramfs, InitramfsError } from './initramfs.ts';
import { programsOf } from './programs.ts';
import { cpioArchive, cpioEntries } from './testing/cpio-bytes.ts';

/** Not on a page, and so that the archive's last byte is the last one that is mapped. */
const BASE = physAddr(0x4800_0004);
const POISON = 0xa5;
const CHUNK_SHIFT = 12;
const ASCII = new TextEncoder();
const DIRECTORY = 0o040755;
const SYMLINK = 0o120777;
const CHARACTER_DEVICE = 0o020600;

function load(archive: Uint8Array): { initramfs: Initramfs; memory: FakeMemory } {
  const memory = new FakeMemory([{ base: BASE, size: archive.length }], POISON, CHUNK_SHIFT);
  memory.writeBytes(physToVirt(BASE), archive);
  return { initramfs: new Initramfs(memory, physToVirt(BASE), archive.length), memory };
}

function contentOf(archive: Uint8Array, path: string): string | null {
  const { initramfs, memory } = load(archive);
  const file = initramfs.open(path);
  expect(initramfs.index().open(path)).toEqual(file);
  return file === null ? null : new TextDecoder().decode(memory.readBytes(file.address, file.bytes));
}

const text = (content: string): Uint8Array => ASCII.encode(content);
const ARCHIVE = cpioArchive([
  { path: '.', mode: DIRECTORY },
  { path: './bin', mode: DIRECTORY },
  { path: './bin/sh', content: text('shell'), mode: 0o100755 },
  { path: '/etc//motd', content: text('Grüße') },
  { path: 'empty' },
  { path: 'bin/link', content: text('sh'), mode: SYMLINK },
  { path: 'console', mode: CHARACTER_DEVICE },
]);

describe('Initramfs', () => {
  it('lists what is in it, in order', () => {
    const entries = [...load(ARCHIVE).initramfs.entries()].map(({ path, kind, mode, bytes }) => [
      path,
      kind,
      mode,
      bytes,
    ]);
    expect(entries).toEqual([
      ['.', 'directory', 0o755, 0],
      ['bin', 'directory', 0o755, 0],
      ['bin/sh', 'file', 0o755, 5],
      ['etc/motd', 'file', 0o644, 7],
      ['empty', 'file', 0o644, 0],
      ['bin/link', 'link', 0o777, 2],
      ['console', 'other', 0o600, 0],
    ]);
  });

  it.each(['bin/sh', '/bin/sh', './bin/sh', '//bin/./sh'])('finds %s, however it is written', (path) => {
    expect(contentOf(ARCHIVE, path)).toBe('shell');
  });

  it('tells nothing there from nothing in it, and a file from everything else', () => {
    const { initramfs } = load(ARCHIVE);
    expect(initramfs.open('empty')).toMatchObject({ path: 'empty', bytes: 0 });
    for (const path of ['', 'sh', 'bin', 'console', 'TRAILER!!!']) expect(initramfs.open(path)).toBeNull();
    expect(initramfs.open('bin/link')).toMatchObject({ path: 'bin/sh' });
    expect(initramfs.find('/')).toMatchObject({ kind: 'directory' });
    expect(initramfs.find('bin/link')).toMatchObject({ kind: 'link' });
    expect(initramfs.find('bin/nothing')).toBeNull();
  });

  it.each(['070701', '070702'])('reads an archive "%s" that has no trailer', (magic) => {
    const { initramfs } = load(cpioEntries([{ path: 'a', magic }]));
    expect(initramfs.open('a')).toMatchObject({ path: 'a', bytes: 0 });
    expect(initramfs.find('nothing')).toBeNull();
  });

  it('reads a file’s bytes where they are', () => {
    const file = load(ARCHIVE).initramfs.open('bin/sh');
    expect(file?.read8(4)).toBe(0x6c);
    expect(file?.read16(0)).toBe(0x6873);
    expect(file?.read32(1)).toBe(0x6c6c_6568);
    expect(
      load(cpioArchive([{ path: 'eight', content: text('12345678') }]))
        .initramfs.open('eight')
        ?.read64(0),
    ).toBe(0x3837_3635_3433_3231n);
  });

  it('takes the later one of two entries, and reads archives after zeros after archives', () => {
    const twice = (zeros: number) =>
      Uint8Array.from([
        ...cpioArchive([{ path: 'a', content: text('early') }, { path: 'b' }]),
        ...new Uint8Array(zeros),
        ...cpioArchive([{ path: 'a', content: text('late') }]),
        ...new Uint8Array(zeros),
      ]);
    for (const zeros of [0, 4, 512]) {
      expect(contentOf(twice(zeros), 'a')).toBe('late');
      expect(contentOf(twice(zeros), 'b')).toBe('');
    }
  });

  it('finds the content of a file with several names under each of them', () => {
    const linked = cpioArchive([
      { path: 'one', links: 2, inode: 7 },
      { path: 'other', content: text('else'), links: 2, inode: 8 },
      { path: 'two', content: text('both'), links: 2, inode: 7 },
    ]);
    expect(contentOf(linked, 'one')).toBe('both');
    expect(contentOf(linked, 'two')).toBe('both');
    expect(load(linked).initramfs.open('one')?.path).toBe('one');
  });

  it('lists its programs, reading each header once', () => {
    const program = Uint8Array.of(0x7f, 0x45, 0x4c, 0x46);
    const entries = Array.from({ length: 200 }, (_, n) => [
      { path: `bin/p${n}`, content: program },
      { path: `bin/l${n}`, content: text(`p${n}`), mode: SYMLINK },
      { path: `bin/t${n}`, content: text('text') },
    ]).flat();
    const { initramfs, memory } = load(cpioArchive(entries));
    const reads = vi.spyOn(memory, 'readBytes');
    expect(programsOf(initramfs)).toHaveLength(400);
    // Header and name of each entry, the target of a link, the beginning of a file.
    expect(reads.mock.calls.length).toBeLessThan(4 * entries.length);
  });

  it('is empty where there is nothing, or nothing but zeros', () => {
    expect([...load(new Uint8Array(100)).initramfs.entries()]).toEqual([]);
    expect(load(new Uint8Array(4)).initramfs.open('init')).toBeNull();
  });

  const without = (magic: string) => cpioEntries([{ path: 'a', magic }]);
  const gzip = Uint8Array.from([0x1f, 0x8b, ...new Uint8Array(120)]);
  const badDigit = (): Uint8Array => {
    const bytes = cpioArchive([{ path: 'a' }]);
    bytes[6 + 6 * 8] = 0x67;
    return bytes;
  };
  it.each<[string, Uint8Array, string]>([
    ['an end inside a name', ARCHIVE.slice(0, 111), 'a name of 2 bytes, of which 1 are missing, at offset 0x6e'],
    [
      'an end inside a file',
      cpioEntries([{ path: 'motd', content: text('truncated') }]).slice(0, 120),
      'the content of motd of 9 bytes, of which 5 are missing, at offset 0x74',
    ],
    ['compressed data', gzip, 'gzip-compressed data (decompress it first) at offset 0x0'],
    ['the old format', without('070707'), '"070707" (make it with cpio -H newc) at offset 0x0'],
    ['junk', text('x'.repeat(200)), 'no header that begins with "070701" at offset 0x0'],
    ['a digit that is none', badDigit(), 'filesize is not 8 hexadecimal digits at offset 0x36'],
    ['a name of no bytes', cpioEntries([{ path: 'a', nameBytes: 0 }]), 'a name of 0 bytes with its NUL at offset 0x0'],
    [
      'a name without its NUL',
      cpioEntries([{ path: 'abc', nameBytes: 3 }]),
      'does not end with its NUL at offset 0x6e',
    ],
    [
      'a very long name',
      cpioEntries([{ path: 'a', nameBytes: 4097 }]),
      'a name of 4097 bytes with its NUL at offset 0x0',
    ],
  ])('refuses %s, and says where', (_, archive, message) => {
    const { initramfs } = load(archive);
    expect(() => initramfs.find('nothing')).toThrow(InitramfsError);
    expect(() => initramfs.find('nothing')).toThrow(message);
  });

  it('answers any bytes with entries inside the archive, or with its own error', () => {
    let whole = 0;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(ARCHIVE.length - 1), fc.oneof(fc.nat(0xff), fc.constantFrom(0x30, 0x31, 0x66)))),
        fc.nat(ARCHIVE.length),
        fc.boolean(),
        (changes, cut, cuts) => {
          const archive = cuts ? ARCHIVE.slice(0, cut) : ARCHIVE.slice();
          for (const [at, value] of changes) if (at < archive.length) archive[at] = value;
          const { initramfs } = load(archive);
          const end = virtAddr(initramfs.address + BigInt(archive.length));
          try {
            for (const { address, bytes } of initramfs.entries()) {
              expect(address >= initramfs.address && address + BigInt(bytes) <= end).toBe(true);
            }
            whole++;
          } catch (error) {
            expect(error).toBeInstanceOf(InitramfsError);
          }
        },
      ),
      { numRuns: 1000 },
    );
    expect(whole).toBeGreaterThan(20);
  });
});

const CPIO = 'cpio';
const cpioIsAbsent = spawnSync(CPIO, ['--version']).status !== 0;

describe.skipIf(cpioIsAbsent)(`an archive by cpio${cpioIsAbsent ? ' (skipped: cpio is not installed)' : ''}`, () => {
  it('has the files that were put into it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'levitate-cpio-'));
    try {
      mkdirSync(join(folder, 'bin'));
      writeFileSync(join(folder, 'bin', 'busy'), 'x'.repeat(5001));
      linkSync(join(folder, 'bin', 'busy'), join(folder, 'bin', 'box'));
      symlinkSync('busy', join(folder, 'bin', 'sh'));
      writeFileSync(join(folder, 'grüße'), 'hello');
      writeFileSync(join(folder, 'empty'), '');
      const names = ['.', './bin', './bin/busy', './bin/box', './bin/sh', './grüße', './empty'];
      const run = spawnSync(CPIO, ['-o', '-H', 'newc', '--quiet'], { cwd: folder, input: `${names.join('\n')}\n` });
      expect(run.stderr.toString()).toBe('');
      const archive = new Uint8Array(run.stdout);

      const { initramfs } = load(archive);
      const listed = [...initramfs.entries()].map(({ path }) => path);
      expect(listed.toSorted()).toEqual(['.', 'bin', 'bin/box', 'bin/busy', 'bin/sh', 'empty', 'grüße']);
      expect(contentOf(archive, 'bin/busy')).toBe('x'.repeat(5001));
      expect(contentOf(archive, 'bin/box')).toBe('x'.repeat(5001));
      expect(contentOf(archive, 'grüße')).toBe('hello');
      expect(contentOf(archive, 'empty')).toBe('');
      expect(initramfs.find('bin/sh')).toMatchObject({ kind: 'link', bytes: 4 });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
