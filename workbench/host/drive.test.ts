// SPDX-License-Identifier: GPL-2.0-only
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { type BlockBackend, SECTOR_BYTES } from '#emulator/devices/virtio/block-backend.ts';
import { openDrive } from '#host/drives.ts';
import { type DriveSpec, parseDrive } from './drive.ts';
import { InputError } from '#workbench/input-error.ts';

const folder = mkdtempSync(join(tmpdir(), 'levitate-drive-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let made = 0;
/** A file whose byte i is i modulo 251. */
function image(bytes: number): string {
  const file = join(folder, `disk-${made++}.img`);
  writeFileSync(
    file,
    Uint8Array.from({ length: bytes }, (_, index) => index % 251),
  );
  return file;
}

const open = (mode: DriveSpec['mode'], bytes: number): { file: string; disk: BlockBackend } => {
  const file = image(bytes);
  return { file, disk: openDrive({ file, mode }) };
};

function sectorOf(disk: BlockBackend, sector: number, count = 1): Uint8Array {
  const target = new Uint8Array(count * SECTOR_BYTES).fill(0xee);
  disk.read(sector, target);
  return target;
}

describe('--drive', () => {
  it.each([
    ['disk.img', 'disk.img', 'overlay'],
    ['disk.img,readonly', 'disk.img', 'readonly'],
    ['disk.img,write', 'disk.img', 'write'],
    ['a,b.img,write', 'a,b.img', 'write'],
  ])('%s is file %s in mode %s', (text, file, mode) => {
    expect(parseDrive('--drive', text)).toEqual({ file, mode });
  });

  it.each([
    ['disk.img,', 'not ""'],
    ['disk.img,readwrite', 'not "readwrite"'],
    ['a,b.img', 'not "b.img"'],
    ['', 'a file is wanted'],
    [',write', 'a file is wanted'],
  ])('%j is refused', (text, reason) => {
    expect(() => parseDrive('--drive', text)).toThrow(InputError);
    expect(() => parseDrive('--drive', text)).toThrow(reason);
  });

  it.each(['overlay', 'readonly', 'write'] as const)('%s of a file that is not there, or empty, says so', (mode) => {
    const missing = join(folder, 'missing.img');
    expect(() => openDrive({ file: missing, mode })).toThrow(
      new InputError(`--drive ${missing}: there is no such file`),
    );
    const empty = image(0);
    expect(() => openDrive({ file: empty, mode })).toThrow(new InputError(`--drive ${empty}: the file is empty`));
  });

  it('of a folder is an input error too', () => {
    expect(() => openDrive({ file: folder, mode: 'write' })).toThrow(InputError);
  });
});

describe('a disk in a file', () => {
  it.each(['overlay', 'readonly', 'write'] as const)('%s reads its sectors, zeros past its end', (mode) => {
    const { disk } = open(mode, SECTOR_BYTES + 100);
    expect(disk.sectors).toBe(2);
    expect(disk.readOnly).toBe(mode === 'readonly');
    const all = sectorOf(disk, 0, 2);
    expect(all.every((byte, index) => byte === (index < SECTOR_BYTES + 100 ? index % 251 : 0))).toBe(true);
  });

  it('write changes the file, in place', () => {
    const { file, disk } = open('write', 4 * SECTOR_BYTES);
    disk.write(2, new Uint8Array(SECTOR_BYTES).fill(7));
    disk.flush();
    const after = readFileSync(file);
    expect(after.length).toBe(4 * SECTOR_BYTES);
    expect(after.every((byte, index) => byte === (Math.floor(index / SECTOR_BYTES) === 2 ? 7 : index % 251))).toBe(
      true,
    );
  });

  it('overlay leaves the file alone and reads back what was written, as a plain array of sectors does', () => {
    const sectors = 6;
    const step = fc.record({ sector: fc.nat(sectors - 1), byte: fc.nat(255), write: fc.boolean() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { file, disk } = open('overlay', sectors * SECTOR_BYTES);
        const before = readFileSync(file);
        const model = Uint8Array.from(before);
        for (const { sector, byte, write } of steps) {
          const start = sector * SECTOR_BYTES;
          if (write) {
            disk.write(sector, new Uint8Array(SECTOR_BYTES).fill(byte));
            model.fill(byte, start, start + SECTOR_BYTES);
          }
          expect(Buffer.from(sectorOf(disk, sector)).equals(model.subarray(start, start + SECTOR_BYTES))).toBe(true);
        }
        disk.flush();
        expect(readFileSync(file).equals(before)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });
});
