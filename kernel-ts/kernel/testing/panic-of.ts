// SPDX-License-Identifier: GPL-2.0-only
/** Catches a kernel panic, for tests. */

import { KernelPanic } from '#kernel-ts/kernel/panic.ts';

/**
 * Returns the panic that `work` throws. @throws Error when `work` returns, and any other error of
 * `work`
 */
export function panicOf(work: () => unknown): KernelPanic {
  try {
    work();
  } catch (error) {
    if (error instanceof KernelPanic) return error;
    throw error;
  }
  throw new Error('no panic');
}
