// SPDX-License-Identifier: GPL-2.0-only
/**
 * A spinlock: one u32 in emulated RAM, 0 when free and 1 when held.
 *
 * Kernel code in TypeScript runs to completion once its gate was entered, so a held lock can only
 * be held by the code path that tries to acquire it again: real hardware would spin for ever. This
 * is a kernel panic instead. A code path that panics or takes an abort while it holds the lock
 * leaves it held, as on hardware. Nothing can allocate after that, and a memory dump shows the held
 * lock.
 */

import { hex, type VirtAddr } from '#common/address.ts';
import type { MemoryPort, MemoryWindow } from '#kernel-ts/hal/ports.ts';
import { KernelPanic } from '#kernel-ts/kernel/panic.ts';

/** Size and alignment of the lock word in bytes. */
export const SPINLOCK_BYTES = 4;

const UNLOCKED = 0;
const LOCKED = 1;

/** Handle on a lock word; two handles on one address are the same lock. */
export class Spinlock {
  readonly name: string;
  readonly va: VirtAddr;
  private readonly word: MemoryWindow;
  // Lock word in host memory: valid until the lock is released.
  private pieces: readonly Uint32Array[] = [];
  private piece: Uint32Array = new Uint32Array(1);
  private at = 0;

  /**
   * @param va address of the word, a multiple of 4, zeroed
   * @param name name of the lock in panics
   */
  constructor(memory: MemoryPort, va: VirtAddr, name: string) {
    this.name = name;
    this.va = va;
    this.word = memory.window(va, SPINLOCK_BYTES);
  }

  /** True while the lock is held. */
  get held(): boolean {
    return this.word.get32(0) !== UNLOCKED;
  }

  /**
   * Acquires the lock. Not charged here: the caller counts it with its own accesses. @throws
   * KernelPanic when it is already held
   */
  acquire(): void {
    const pieces = this.word.sync();
    if (pieces !== this.pieces) this.locate(pieces);
    const { piece, at } = this;
    if (piece[at] !== UNLOCKED) this.deadlock();
    piece[at] = LOCKED;
  }

  /** Releases the lock. @throws KernelPanic when it is not held */
  release(): void {
    const { piece, at } = this;
    if (piece[at] !== LOCKED) this.notHeld();
    piece[at] = UNLOCKED;
  }

  private locate(pieces: readonly Uint32Array[]): void {
    this.pieces = pieces;
    this.piece = pieces[this.word.first >>> this.word.shift]!;
    this.at = (this.word.first % 2 ** this.word.shift) | 0;
  }

  private deadlock(): never {
    throw new KernelPanic(
      `Deadlock: lock '${this.name}' is already held`,
      `lock word at ${hex(this.va)} is ${this.piece[this.at]}; the path that holds it asked for it again`,
    );
  }

  private notHeld(): never {
    throw new KernelPanic(
      `Lock '${this.name}' released while it is not held`,
      `lock word at ${hex(this.va)} is ${this.piece[this.at]}`,
    );
  }
}
