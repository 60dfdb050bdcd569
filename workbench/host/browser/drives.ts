// SPDX-License-Identifier: GPL-2.0-only
/** A page opens no files by their names: it has no disks. */

import type { BlockBackend } from '#emulator/devices/virtio/block-backend.ts';
import type { DriveSpec } from '#workbench/host/drive.ts';
import { InputError } from '#workbench/input-error.ts';

export const absolutePath = (file: string): string => file;

/** @throws InputError always */
export function openDrive({ file }: DriveSpec): BlockBackend {
  throw noFile(file);
}

/** @throws InputError always */
export function fileDigest(file: string): { readonly bytes: number; readonly sha256: string } {
  throw noFile(file);
}

export const whyUnreadable = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const noFile = (file: string): InputError => new InputError(`--drive ${file}: a page cannot open files by name`);
