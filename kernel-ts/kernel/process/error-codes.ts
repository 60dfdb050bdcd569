// SPDX-License-Identifier: GPL-2.0-only
/**
 * Errors of system calls: a negative number in x0. The numbers are LevitateOS's own, not Linux's.
 *
 * Source: LevitateOS's system call ABI (-1 to -4); this kernel adds -5 to -7.
 */

/** Results of failed system calls. */
export const ErrorCode = {
  /** No such system call, or not possible on this machine. */
  ENOSYS: -1,
  /** Bad file descriptor, or not open for this operation. */
  EBADF: -2,
  /** A pointer to memory that the process may not read or write. */
  EFAULT: -3,
  /** An invalid argument. */
  EINVAL: -4,
  /** Out of memory. */
  ENOMEM: -5,
  /** No such file in the initramfs, or it is not a program. */
  ENOENT: -6,
  /** No such child. */
  ECHILD: -7,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];
