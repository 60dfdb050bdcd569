// SPDX-License-Identifier: GPL-2.0-only
/**
 * The start of a machine: the images in memory, the first core's first instruction, and the kernel
 * behind the gates. Each way to boot is one file that makes a plan.
 */

import type { MemoryBank } from '#emulator/memory/physical-memory.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { KernelHost } from './kernel-host.ts';

/** Bytes to copy to physical memory before a reset. */
export interface BootImage {
  readonly what: string;
  readonly base: number;
  readonly bytes: Uint8Array;
}

export interface BootPlan {
  /** RAM of the machine, where it is not the board's own. */
  readonly banks?: readonly MemoryBank[] | undefined;
  /** Contents of the board's executable read-only memory, from its first byte. */
  readonly firmware: Uint8Array;
  /** Exception level of the first instruction, at the reset vector. */
  readonly level: 1 | 2 | 3;
  readonly images: readonly BootImage[];
  /**
   * Words written to device registers before the first instruction: what the guest finds set up.
   */
  readonly registers?: readonly (readonly [address: number, value: number])[];
  /** The device tree, placed or not. */
  readonly deviceTree: Uint8Array;
  /** Unused parts of the inputs, for the user: a sentence each. */
  readonly warnings?: readonly string[];
  /** Puts a kernel in TypeScript behind the gates; null for a guest that is not ours. */
  readonly attachKernel: ((machine: Machine) => KernelHost) | null;
}
