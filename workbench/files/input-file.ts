// SPDX-License-Identifier: GPL-2.0-only
/**
 * The files that commands read. What has no end or no size (a pipe, a device), and what is larger
 * than can be used, is refused before it is read.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { showBytes } from '#common/quantities.ts';
import { fileBytes } from '#workbench/engine-library/huge-pages.ts';
import { InputError } from '#workbench/input-error.ts';
import { named } from './why-not.ts';

/** A regular file that is open for reading. */
export interface InputFile {
  readonly descriptor: number;
  /** Bytes. */
  readonly size: number;
}

export interface InputLimits {
  /** An empty file has a meaning. */
  readonly mayBeEmpty?: boolean;
  /** A larger file is refused. */
  readonly mostBytes: number;
  /** The limit's name: "the RAM of pixel6". */
  readonly measure: string;
}

const LARGEST_READ = 2 ** 30;

/**
 * Opens a regular file, and nothing else: never waits.
 * @param option what named the file, for messages; '' for none
 * @param missing what to say when there is none
 * @throws InputError naming the file
 */
export function openInputFile(
  option: string,
  file: string,
  missing = 'there is no such file',
  flags: number = constants.O_RDONLY,
): InputFile {
  let descriptor: number;
  try {
    // Without waiting: opening a pipe without a writer would block for ever.
    descriptor = openSync(file, flags | constants.O_NONBLOCK);
  } catch (error) {
    throw new InputError(`${named(option, file)}: ${whyNotRead(error, missing)}`);
  }
  const found = fstatSync(descriptor);
  if (found.isFile()) return { descriptor, size: found.size };
  closeSync(descriptor);
  const kind = found.isDirectory()
    ? 'it is a folder'
    : found.isFIFO() || found.isSocket()
      ? 'it is a pipe; write what comes out of it into a file first'
      : 'it is a device; a file is wanted';
  throw new InputError(`${named(option, file)}: ${kind}`);
}

/**
 * The bytes of a regular file that `option` names.
 * @throws InputError when it cannot be read, is empty and may not be, or larger than the limit
 */
export function readInputFile(option: string, file: string, limits: InputLimits | null = null): Uint8Array {
  const { descriptor, size } = openInputFile(option, file);
  try {
    if (size === 0 && limits?.mayBeEmpty !== true) throw new InputError(`${named(option, file)}: the file is empty`);
    if (limits !== null && size > limits.mostBytes) {
      throw new InputError(
        `${named(option, file)}: ${showBytes(size)} are more than ${limits.measure}, ${showBytes(limits.mostBytes)}`,
      );
    }
    return readWhole(descriptor, size);
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw new InputError(`${named(option, file)}: ${whyNotRead(error)}`);
  } finally {
    closeSync(descriptor);
  }
}

function readWhole(descriptor: number, size: number): Uint8Array {
  const bytes = fileBytes(size);
  let done = 0;
  while (done < size) {
    const read = readSync(descriptor, bytes, done, Math.min(size - done, LARGEST_READ), done);
    // Cut short meanwhile.
    if (read === 0) return bytes.slice(0, done);
    done += read;
  }
  return bytes;
}

/** The reason why a file cannot be read, in words. */
export function whyNotRead(error: unknown, missing = 'there is no such file'): string {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return missing;
    case 'EISDIR':
      return 'it is a folder';
    case 'EACCES':
      return 'its permissions do not allow reading it';
    case 'ENXIO':
      return 'it is a socket; a file is wanted';
    default:
      return code ?? String(error);
  }
}
