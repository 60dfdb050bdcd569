// SPDX-License-Identifier: GPL-2.0-only
/**
 * Words of a structure inside one page, for code that accesses them often. A cache of a mapping,
 * not a copy.
 */

import type { VirtAddr } from '#common/address.ts';
import type { MemoryPort, MemoryWindow } from '#kernel-ts/hal/ports.ts';

/** Word i is `words[at + i]`, from {@link open} until the translation may change. */
export class PageWords {
  readonly va: VirtAddr;
  words: Uint32Array = new Uint32Array(0);
  at = 0;
  private readonly window: MemoryWindow;
  private pieces: readonly Uint32Array[] = [];

  /**
   * @param va a multiple of 4; [va, va + bytes) lies in one page.
   * @throws DataAbort when it is not mapped
   */
  constructor(memory: MemoryPort, va: VirtAddr, bytes: number) {
    this.va = va;
    this.window = memory.window(va, bytes);
  }

  /** Checks the translation again: the first step of every operation. */
  open(): void {
    const pieces = this.window.sync();
    if (pieces !== this.pieces) {
      this.pieces = pieces;
      this.words = pieces[this.window.first >>> this.window.shift]!;
      this.at = (this.window.first % 2 ** this.window.shift) | 0;
    }
  }

  /** Charges `accesses` port accesses. */
  charge(accesses: number): void {
    this.window.charge(accesses);
  }
}
