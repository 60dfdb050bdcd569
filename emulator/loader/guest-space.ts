/**
 * RAM that a loader fills piece by piece: what is free, and the next free slot. It knows numbers
 * only; which pieces there are, and where they would like to be, is load-guest.ts.
 */

import { alignUp, hex } from '#common/address.ts';

/** A range of physical addresses in bytes. */
export interface MemoryRange {
  readonly base: number;
  readonly size: number;
}

/**
 * An image does not fit where it has to go, or anywhere. The message names the image, its size and
 * the addresses.
 */
export class GuestPlacementError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GuestPlacementError';
  }
}

/**
 * Kernels map initrd and device tree by 2 MiB blocks, and may map one block in one way only
 * (booting.rst).
 */
export const BLOCK_BYTES = 2 * 2 ** 20;

/**
 * Invariant: the taken ranges are disjoint, and each lies in one bank, except what was reserved
 * from the start.
 */
export class GuestSpace {
  readonly #banks: readonly MemoryRange[];
  readonly #taken: { readonly what: string; readonly base: number; readonly end: number }[];

  constructor(banks: readonly MemoryRange[], reserved: readonly MemoryRange[]) {
    this.#banks = banks;
    this.#taken = reserved.map(({ base, size }) => ({ what: 'a reserved region', base, end: base + size }));
  }

  /** Why `size` bytes at `base` are not free, or null. */
  #obstacle(base: number, size: number): string | null {
    const end = base + size;
    if (!this.#banks.some((bank) => base >= bank.base && end <= bank.base + bank.size)) {
      const banks = this.#banks.map((bank) => `${hex(bank.base)} to ${hex(bank.base + bank.size)}`);
      return `RAM is ${banks.join(' and ')}`;
    }
    const other = this.#taken.find((range) => base < range.end && end > range.base);
    return other === undefined ? null : `${other.what} takes ${hex(other.base)} to ${hex(other.end)}`;
  }

  /** True when `size` bytes at `base` lie in one bank and nothing else is there. */
  isFree(base: number, size: number): boolean {
    return this.#obstacle(base, size) === null;
  }

  /** Takes `size` bytes at `base` for `what`. @throws GuestPlacementError when they are not free */
  take(what: string, base: number, size: number): void {
    const obstacle = this.#obstacle(base, size);
    if (obstacle !== null) {
      throw new GuestPlacementError(`the ${what} needs ${hex(base)} to ${hex(base + size)}, but ${obstacle}`);
    }
    this.#taken.push({ what: `the ${what}`, base, end: base + size });
  }

  /**
   * The first of `preferred` where `size` bytes are free, else the lowest free 2 MiB boundary in
   * the first bank at or above `above`; null when there is none.
   */
  findSlot(size: number, preferred: readonly number[], above: number): number | null {
    const candidates = [above, ...this.#taken.map(({ end }) => end)]
      .map((end) => alignUp(end, BLOCK_BYTES))
      .filter((base) => base >= above && this.#isInFirstBank(base))
      .sort((a, b) => a - b);
    return [...preferred, ...candidates].find((base) => this.isFree(base, size)) ?? null;
  }

  #isInFirstBank(base: number): boolean {
    const bank = this.#banks[0];
    return bank !== undefined && base >= bank.base && base < bank.base + bank.size;
  }
}
