// SPDX-License-Identifier: GPL-2.0-only
/**
 * `--drive FILE[,readonly|,write]`: a disk image in a file, as a virtio block device. By default,
 * writes go to an overlay in memory and are lost.
 */

import { InputError } from '#workbench/input-error.ts';

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
