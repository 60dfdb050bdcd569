// SPDX-License-Identifier: GPL-2.0-only
/** The panic that a piece of the kernel ends with, for tests. */

import { KernelPanic } from '#kernel-ts/kernel/panic.ts';

/** @throws Error when `work` returns; and whatever else it throws */
export function panicOf(work: () => unknown): KernelPanic {
  try {
    work();
  } catch (error) {
    if (error instanceof KernelPanic) return error;
    throw error;
  }
  throw new Error('no panic');
}
