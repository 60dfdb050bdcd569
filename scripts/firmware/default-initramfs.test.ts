// SPDX-License-Identifier: GPL-2.0-only
/**
 * The default initramfs as it is kept: read by the kernel’s readers, and by readelf; and any
 * archive of the writer, read by the kernel’s reader.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAGE_SIZE, physAddr, virtAddr } from '#common/address.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { FakeMemory } from '#kernel-ts/kernel/mm/testing/fake-memory.ts';
import { type ElfImage, type ElfSegment, readElfImage } from '#kernel-ts/kernel/process/elf-image.ts';
import { Initramfs, type InitramfsFile } from '#kernel-ts/kernel/process/initramfs.ts';
import { type CpioEntry, writeCpio } from '#scripts/guests/cpio.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { INITRAMFS } from './build-initramfs.ts';

const BASE = physAddr(0x4800_0000);
const POISON = 0xa5;
const CHUNK_SHIFT = 12;
const RANGE = {
  start: virtAddr(0x10000n),
  end: virtAddr(0x7fff_0000_0000n),
  positionIndependentBase: virtAddr(0x10000n),
};
/** Programs that the shells, the tests and the documents start by name. */
const PROGRAMS = [
  'init',
  'child',
  'count',
  'eat',
  'fpu',
  'hello',
  'mixed',
  'regs',
  'sh',
  'spawns',
  'stack',
  'undef',
  'wild',
  'wtext',
  'xdata',
] as const;

function load(archive: Uint8Array): { initramfs: Initramfs; memory: FakeMemory } {
  const memory = new FakeMemory([{ base: BASE, size: archive.length }], POISON, CHUNK_SHIFT);
  memory.writeBytes(physToVirt(BASE), archive);
  return { initramfs: new Initramfs(memory, physToVirt(BASE), archive.length), memory };
}

const kept = load(new Uint8Array(readFileSync(join(packageRoot(), 'firmware', 'images', INITRAMFS))));

function program(name: string): { file: InitramfsFile; bytes: Uint8Array; image: ElfImage } {
  const file = kept.initramfs.open(name);
  if (file === null) throw new Error(`${name} is not in the initramfs`);
  return { file, bytes: kept.memory.readBytes(file.address, file.bytes), image: readElfImage(file, RANGE) };
}

describe('the default initramfs', () => {
  it('holds the programs, as files that may be executed, init first', () => {
    const entries = [...kept.initramfs.entries()];
    expect(entries.map(({ path }) => path)).toEqual(PROGRAMS);
    for (const { kind, mode } of entries) expect({ kind, mode }).toEqual({ kind: 'file', mode: 0o755 });
  });

  it.each(PROGRAMS)('%s: code from 0x10000 on, constants, data, each with its rights', (name) => {
    const { image } = program(name);
    const [code, constants, data] = image.segments as [ElfSegment, ElfSegment, ElfSegment];
    expect(image.segments.map(({ rights }) => rights)).toEqual(['read-execute', 'read', 'read-write']);
    expect(code.address).toBe(0x10000n);
    // Segments are aligned for a loader that maps the file.
    for (const { address, fileOffset } of [code, constants, data]) {
      expect(Number(address % BigInt(PAGE_SIZE))).toBe(fileOffset % PAGE_SIZE);
    }
    // Zeroed data: every program has at least the line that it composes.
    expect(data.memoryBytes - data.fileBytes).toBeGreaterThanOrEqual(128);
  });
});

const READELF = `${process.env['CROSS_COMPILE'] ?? 'aarch64-linux-gnu-'}readelf`;
const readelfIsAbsent = spawnSync(READELF, ['--version']).status !== 0;
const RIGHTS = { 'R E': 'read-execute', 'R  ': 'read', 'RW ': 'read-write' } as const;

describe.skipIf(readelfIsAbsent)(`readelf${readelfIsAbsent ? ' (skipped: not installed)' : ''}`, () => {
  it.each(PROGRAMS)('reads the same from %s, and has no complaint', (name) => {
    const { bytes, image } = program(name);
    const folder = mkdtempSync(join(tmpdir(), 'levitate-readelf-'));
    try {
      writeFileSync(join(folder, name), bytes);
      const run = spawnSync(READELF, ['-hlW', join(folder, name)], { encoding: 'utf8' });
      expect(run.stderr).toBe('');
      expect(run.stdout).toContain(`Entry point address:               0x${image.entry.toString(16)}\n`);
      const segments = [...run.stdout.matchAll(/LOAD +(\S+) (\S+) \S+ (\S+) (\S+) (...)/g)].map(
        ([, offset, address, fileBytes, memoryBytes, flags]): ElfSegment => ({
          address: virtAddr(BigInt(address ?? '')),
          memoryBytes: Number(memoryBytes),
          fileOffset: Number(offset),
          fileBytes: Number(fileBytes),
          rights: RIGHTS[flags as keyof typeof RIGHTS],
        }),
      );
      expect(segments).toEqual(image.segments);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the kernel’s reader', () => {
  const path = fc.stringMatching(/^[a-z[é][a-z0-9._[é-]{0,20}(\/[a-z0-9_é]{1,5})?$/).filter((name) => name !== '.');
  const mode = fc.nat(0o7777);
  const entry: fc.Arbitrary<CpioEntry> = fc.oneof(
    fc.record({ kind: fc.constant('file' as const), path, mode, content: fc.uint8Array({ maxLength: 50 }) }),
    fc.record({ kind: fc.constant('directory' as const), path, mode }),
    fc.record({ kind: fc.constant('link' as const), path, target: fc.string({ minLength: 1 }) }),
    fc.record({
      kind: fc.constant('character-device' as const),
      path,
      mode,
      major: fc.nat(4095),
      minor: fc.nat(2 ** 20 - 1),
    }),
  );

  it('finds in every archive what the writer put there', () => {
    fc.assert(
      fc.property(fc.uniqueArray(entry, { selector: (one) => one.path, maxLength: 8 }), (entries) => {
        const { initramfs, memory } = load(writeCpio(entries));
        const content = ({ address, bytes }: { address: bigint; bytes: number }) =>
          memory.readBytes(virtAddr(address), bytes);
        const kinds = { file: 'file', directory: 'directory', link: 'link', 'character-device': 'other' } as const;
        expect([...initramfs.entries()].map((one) => [one.path, one.kind, one.mode, content(one)])).toEqual(
          entries.map((one) => [
            one.path,
            kinds[one.kind],
            one.kind === 'link' ? 0o777 : one.mode,
            one.kind === 'file'
              ? one.content
              : one.kind === 'link'
                ? new TextEncoder().encode(one.target)
                : new Uint8Array(),
          ]),
        );
        for (const one of entries) {
          const file = initramfs.open(`/${one.path}`);
          expect(file === null ? null : content(file)).toEqual(one.kind === 'file' ? one.content : null);
        }
      }),
    );
  });
});
