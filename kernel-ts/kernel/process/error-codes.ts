// SPDX-License-Identifier: GPL-2.0-only
/**
 * Errors of system calls: a negative number in x0. The numbers are LevitateOS's own, not Linux's.
 *
 * Source: LevitateOS's system call ABI (-1 to -4); -5 to -7 are this kernel's.
 */

/** Results of system calls that failed. */
export const ErrorCode = {
  /** There is no such system call, or this machine cannot do it. */
  ENOSYS: -1,
  /** The file descriptor is none, or not open for this. */
  EBADF: -2,
  /** A pointer leads where the process may not read or write. */
  EFAULT: -3,
  /** An argument makes no sense. */
  EINVAL: -4,
  /** There is no memory for it. */
  ENOMEM: -5,
  /** The initramfs has no such file, or it is no program. */
  ENOENT: -6,
  /** The process has no such child. */
  ECHILD: -7,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];
