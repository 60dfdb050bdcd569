// SPDX-License-Identifier: GPL-2.0-only
/**
 * Allocation of RAM by a loader, piece by piece. It knows only ranges; load-guest.ts chooses the
 * pieces and their preferred places.
 */

import { hex } from '#common/address.ts';
import { type BaseAndSize, contains, firstFit, overlap, type Range, rangeOf } from '#common/range.ts';

/**
 * Thrown when an image does not fit in its place, or anywhere. The message names the image, its
 * size and the addresses.
 */
export class GuestPlacementError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GuestPlacementError';
  }
}

/**
 * Kernels map initrd and device tree by 2 MiB blocks, and may map a block in only one way
 * (booting.rst).
 */
export const BLOCK_BYTES = 2 * 2 ** 20;

/**
 * Invariant: reserved ranges are disjoint, and each lies in one bank, except those reserved from
 * the start.
 */
export class GuestSpace {
  private readonly banks: readonly Range[];
  private readonly reserved: (Range & { readonly what: string })[];

  constructor(banks: readonly BaseAndSize[], reserved: readonly BaseAndSize[]) {
    this.banks = banks.map(rangeOf);
    this.reserved = reserved.map((place) => ({ what: 'a reserved region', ...rangeOf(place) }));
  }

  /** Reason why `place` is not free, or null. */
  private obstacle(place: Range): string | null {
    if (!this.banks.some((bank) => contains(bank, place))) {
      return `RAM is ${this.banks.map(({ start, end }) => `${hex(start)} to ${hex(end)}`).join(' and ')}`;
    }
    const other = this.reserved.find((range) => overlap(range, place));
    return other === undefined ? null : `${other.what} takes ${hex(other.start)} to ${hex(other.end)}`;
  }

  /** True when [base, base + size) lies in one bank and is free. */
  isFree(base: number, size: number): boolean {
    return this.obstacle(rangeOf({ base, size })) === null;
  }

  /**
   * Reserves `size` bytes at `base` for `what`.
   * @throws GuestPlacementError when they are not free
   */
  reserve(what: string, base: number, size: number): void {
    const place = rangeOf({ base, size });
    const obstacle = this.obstacle(place);
    if (obstacle !== null) {
      throw new GuestPlacementError(`the ${what} needs ${hex(base)} to ${hex(place.end)}, but ${obstacle}`);
    }
    this.reserved.push({ what: `the ${what}`, ...place });
  }

  /**
   * First address of `preferred` where `size` bytes are free, else the lowest free 2 MiB boundary
   * in the first bank at or above `above`; null when there is none.
   */
  findSlot(size: number, preferred: readonly number[], above: number): number | null {
    const free = preferred.find((base) => this.isFree(base, size));
    return free ?? firstFit(this.banks.slice(0, 1), this.reserved, size, BLOCK_BYTES, above);
  }
}
