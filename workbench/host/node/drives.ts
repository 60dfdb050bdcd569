// SPDX-License-Identifier: GPL-2.0-only
/** Disk images in files: the backend of a virtio block device, and the check of a snapshot. */

import { closeSync, constants, fsyncSync, openSync, readSync } from 'node:fs';
import { resolve } from 'node:path';
import { type BlockBackend, BlockBackendError, SECTOR_BYTES } from '#emulator/devices/virtio/block-backend.ts';
import { OverlayBackend } from '#emulator/devices/virtio/overlay-backend.ts';
import { openInputFile } from '#workbench/files/input-file.ts';
import { writeFully } from '#workbench/files/output-file.ts';
import type { DriveSpec } from '#workbench/host/drive.ts';
import { InputError } from '#workbench/input-error.ts';
import { sha256 } from './sha256.ts';

const PIECE_BYTES = 1024 * 1024;

/** The absolute path of the file. */
export const absolutePath = (file: string): string => resolve(file);

/** SHA-256 of a file's bytes, in hexadecimal. @throws an Error of Node's when it cannot be read */
export function fileDigest(file: string): { readonly bytes: number; readonly sha256: string } {
  const hash = sha256();
  const piece = new Uint8Array(PIECE_BYTES);
  const descriptor = openSync(file, 'r');
  try {
    let bytes = 0;
    for (let read = readSync(descriptor, piece); read > 0; read = readSync(descriptor, piece)) {
      hash.update(piece.subarray(0, read));
      bytes += read;
    }
    return { bytes, sha256: hash.hex() };
  } finally {
    closeSync(descriptor);
  }
}

/** The reason why {@link fileDigest} failed: the system's code. */
export const whyUnreadable = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? String(error);

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
 * Sectors of an open file. When the file ends inside its last sector, the rest of the sector reads
 * as zero.
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

  /** A snapshot stores only the digest: the file holds the data. */
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
