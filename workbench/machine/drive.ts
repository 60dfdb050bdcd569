// SPDX-License-Identifier: GPL-2.0-only
/**
 * `--drive FILE[,readonly|,write]`: a disk image in a file, as a virtio block device. Without a
 * word writes go to an overlay in memory and are lost.
 */

import { closeSync, constants, fsyncSync, readSync } from 'node:fs';
import { type BlockBackend, BlockBackendError, SECTOR_BYTES } from '#emulator/devices/virtio/block-backend.ts';
import { OverlayBackend } from '#emulator/devices/virtio/overlay-backend.ts';
import { openInputFile } from '#workbench/files/input-file.ts';
import { writeFully } from '#workbench/files/output-file.ts';
import { InputError } from './input-error.ts';

export interface DriveSpec {
  readonly file: string;
  readonly mode: 'overlay' | 'readonly' | 'write';
}

/** @throws InputError */
export function parseDrive(option: string, text: string): DriveSpec {
  const comma = text.lastIndexOf(',');
  const word = comma < 0 ? '' : text.slice(comma + 1);
  if (comma >= 0 && word !== 'readonly' && word !== 'write') {
    throw new InputError(`${option} ${text}: after the comma stands "readonly" or "write", not "${word}"`);
  }
  const file = comma < 0 ? text : text.slice(0, comma);
  if (file === '') throw new InputError(`${option}: a file is wanted`);
  return { file, mode: word === '' ? 'overlay' : (word as 'readonly' | 'write') };
}

/** Opens the disk. @throws InputError when the file cannot be opened or is empty */
export function openDrive({ file, mode }: DriveSpec): BlockBackend {
  const flags = mode === 'write' ? constants.O_RDWR : constants.O_RDONLY;
  const { descriptor, size } = openInputFile('--drive', file, undefined, flags);
  if (size === 0) {
    closeSync(descriptor);
    throw new InputError(`--drive ${file}: the file is empty`);
  }
  const disk = new FileBackend(descriptor, size, mode !== 'write');
  return mode === 'overlay' ? new OverlayBackend(disk) : disk;
}

/**
 * Sectors of an open file. A last sector that the file only begins reads as zero behind its end.
 */
class FileBackend implements BlockBackend {
  readonly sectors: number;
  readonly readOnly: boolean;
  private readonly descriptor: number;

  constructor(descriptor: number, bytes: number, readOnly: boolean) {
    this.descriptor = descriptor;
    this.sectors = Math.ceil(bytes / SECTOR_BYTES);
    this.readOnly = readOnly;
  }

  read(sector: number, target: Uint8Array): void {
    this.guarded(() => {
      const read = readSync(this.descriptor, target, 0, target.length, sector * SECTOR_BYTES);
      target.fill(0, read);
    });
  }

  write(sector: number, source: Uint8Array): void {
    this.guarded(() => writeFully(this.descriptor, source, sector * SECTOR_BYTES));
  }

  flush(): void {
    this.guarded(() => fsyncSync(this.descriptor));
  }

  /** The file holds everything; a snapshot knows it by its digest. */
  saveState(): null {
    return null;
  }

  restoreState(): void {}

  private guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      throw new BlockBackendError(error instanceof Error ? error.message : String(error));
    }
  }
}
