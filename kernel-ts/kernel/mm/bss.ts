// SPDX-License-Identifier: GPL-2.0-only
/**
 * Static kernel data: the counterpart of `static` variables that a linker lays out in .bss. It
 * allocates addresses inside the zeroed area of the kernel image; it never reads or writes that
 * memory, and never frees an address.
 *
 * ```
 * base                                     base + bytes
 *  | memblock tables | locks | zones |  free  |
 * ```
 */

import { hex, type VirtAddr, virtAddr } from '#common/address.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';

/** Variable in the arena. */
export interface BssVariable {
  readonly name: string;
  readonly va: VirtAddr;
  readonly bytes: number;
}

/** Lays out static variables from `base` upward, in the order of the requests. */
export class BssArena {
  readonly base: VirtAddr;
  readonly bytes: number;
  private readonly placed: BssVariable[] = [];
  private used = 0;

  /**
   * @param base first byte of the area, zeroed by the image loader or `_start`;
   * @param bytes its size
   */
  constructor(base: VirtAddr, bytes: number) {
    this.base = base;
    this.bytes = bytes;
  }

  /**
   * Address of a new variable of `bytes` bytes, aligned to `align` (a power of two).
   * @throws KernelPanic when the area is full
   */
  reserve(name: string, bytes: number, align: number): VirtAddr {
    const step = BigInt(align);
    const start = ((this.base + BigInt(this.used) + step - 1n) / step) * step;
    const used = Number(start - this.base) + bytes;
    if (used > this.bytes) {
      throw new KernelPanic(
        'Static kernel data does not fit into .bss',
        `${name} needs ${bytes} bytes aligned to ${align}; ${this.used} of ${this.bytes} bytes at ${hex(this.base)} are taken`,
      );
    }
    this.used = used;
    const va = virtAddr(start);
    this.placed.push({ name, va, bytes });
    return va;
  }

  /** Variables placed so far, ascending: a symbol table for reports. */
  variables(): readonly BssVariable[] {
    return this.placed;
  }
}
