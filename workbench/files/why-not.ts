// SPDX-License-Identifier: GPL-2.0-only
/**
 * The system's error codes in words for the user who named a file, for both directions: "FILE:
 * cannot be written: the disk is full".
 */

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'its permissions do not allow it',
  EDQUOT: 'the quota of the disk is used up',
  EFBIG: 'it would be larger than files may be',
  EISDIR: 'it is a folder',
  ENODEV: 'there is no device behind it',
  ENOENT: 'its folder does not exist',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'what should be its folder is a file',
  ENXIO: 'nobody listens at it',
  EPERM: 'it may not be changed',
  EPIPE: 'its reader has closed the pipe',
  EROFS: 'the disk may only be read',
};

/** The reason in words, or the code. */
export function whyNotWritten(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? String(error) : (WORDS[code] ?? code);
}

/** True for an error of the operating system's, and not of the program's. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error && 'code' in error;
}

/** `--option FILE`, or the file alone. */
export function named(option: string, file: string): string {
  return option === '' ? file : `${option} ${file}`;
}
