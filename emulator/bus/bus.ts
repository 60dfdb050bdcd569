// SPDX-License-Identifier: GPL-2.0-only
/**
 * Physical address space outside RAM: maps each address to its device.
 *
 *     pa ──► last hit? ──► binary search ──► region ──► device.read(pa - base, width)
 *                │                                          │
 *                └── no region, or not wholly inside one ───┴──► BusAccessAbort
 *
 * RAM is not on the bus: the engine accesses it directly. Ranges may begin and end anywhere inside
 * a page (the gs101 UART0 and the USI block after it share one: 0x10a0_0000..0xc0 and
 * 0x10a0_00c0..0xe0), so the CPU maps whole pages to this bus and the bus decides.
 *
 * Rules of an access: it lies wholly inside one device, its address is a multiple of its width, and
 * 8 bytes reach the device as two accesses of 4, lower address first. Anything else is an external
 * abort, which the bus always reports by throwing {@link BusAccessAbort}: never a silent zero.
 * Aborts are rare; the path without one allocates nothing.
 *
 * Invariants: `regions` is sorted by base, its ranges are pairwise disjoint, not empty, and inside
 * [0, 2^52).
 *
 * Specification: AMBA APB Protocol (IHI 0024), 3.4 PSLVERR, for a refused access; Arm ARM DDI 0487,
 * B2.8 for alignment of Device memory.
 */

import { hex } from '#common/address.ts';
import { BusAccessAbort, BusOverlapError, type BusRange, BusRangeError } from './bus-errors.ts';
import { type AccessWidth, BusAbort, type Device } from './device.ts';

/**
 * Device at its place: [base, base + size) in bytes. `name` is that of its device-tree node:
 * "serial@10a00000".
 */
export interface BusRegion extends BusRange {
  readonly device: Device;
}

/**
 * Alignment of a base. Registers are at most 64 bits wide, so offsets keep the natural alignment of
 * addresses.
 */
const BASE_ALIGNMENT = 8;

const PHYSICAL_SPACE = 2 ** 52;

/** Devices of a machine by physical address. */
export class Bus {
  private readonly sortedRegions: BusRegion[] = [];
  private last: BusRegion | null = null;

  /**
   * Places a device. O(number of devices).
   * @throws BusRangeError when the size is not a positive integer, the base is not a multiple of 8,
   * the name is empty, or the range leaves the 52-bit physical address space
   * @throws BusOverlapError when a byte of the range is taken
   */
  attach(region: BusRegion): void {
    checkRange(region);
    const index = this.firstEndingAfter(region.base);
    const next = this.sortedRegions[index];
    if (next !== undefined && next.base < region.base + region.size) {
      throw new BusOverlapError(rangeOf(region), rangeOf(next));
    }
    this.sortedRegions.splice(index, 0, { ...rangeOf(region), device: region.device });
  }

  /**
   * Device that holds the byte at `pa`, or null. O(log devices), O(1) for the device that was
   * accessed last.
   */
  find(pa: number): BusRegion | null {
    const last = this.last;
    if (last !== null && pa >= last.base && pa < last.base + last.size) return last;
    const region = this.sortedRegions[this.firstEndingAfter(pa)];
    if (region === undefined || pa < region.base) return null;
    this.last = region;
    return region;
  }

  /**
   * Reads from the device at `pa`: unsigned, `width` bytes.
   * @throws BusAccessAbort by the rules at the top of this file
   */
  read(pa: number, width: AccessWidth): number {
    const region = this.claim(pa, width, null);
    try {
      return bitsOf(region.device.read(pa - region.base, width), width);
    } catch (error) {
      throw this.withAccess(error, pa, width, null);
    }
  }

  /**
   * Writes `value` (unsigned, below 2^(8 width)) to the device at `pa`.
   * @throws BusAccessAbort by the rules at the top of this file
   */
  write(pa: number, width: AccessWidth, value: number): void {
    const region = this.claim(pa, width, value);
    try {
      region.device.write(pa - region.base, width, value);
    } catch (error) {
      throw this.withAccess(error, pa, width, value);
    }
  }

  /**
   * Reads 8 bytes as two reads of 4, lower address first, little-endian.
   * @throws BusAccessAbort; when the device refuses the upper half, the lower one has been read,
   * with its side effects
   */
  read64(pa: number): bigint {
    const region = this.claim(pa, 8, null);
    try {
      const offset = pa - region.base;
      const low = region.device.read(offset, 4);
      const high = region.device.read(offset + 4, 4);
      return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
    } catch (error) {
      throw this.withAccess(error, pa, 8, null);
    }
  }

  /**
   * Writes 8 bytes as two writes of 4, lower address first. Bits of `value` above 63 are dropped.
   * @throws BusAccessAbort; when the device refuses the upper half, the lower one has been written
   */
  write64(pa: number, value: bigint): void {
    const region = this.claim(pa, 8, value);
    try {
      const offset = pa - region.base;
      region.device.write(offset, 4, Number(BigInt.asUintN(32, value)));
      region.device.write(offset + 4, 4, Number(BigInt.asUintN(32, value >> 32n)));
    } catch (error) {
      throw this.withAccess(error, pa, 8, value);
    }
  }

  /** Copy of all regions, in ascending order of base. */
  regions(): BusRegion[] {
    return [...this.sortedRegions];
  }

  /** Resets every device once, in ascending order of base. */
  reset(): void {
    for (const device of new Set(this.sortedRegions.map((region) => region.device))) device.reset();
  }

  /**
   * Describes the place of `pa` for messages: "serial@10a00000+0x20", "unmapped, 0x40 past
   * serial@10a00000", or "unmapped".
   */
  describe(pa: number): string {
    const index = this.firstEndingAfter(pa);
    const region = this.sortedRegions[index];
    if (region !== undefined && pa >= region.base) return `${region.name}+${hex(pa - region.base)}`;
    const below = this.sortedRegions[index - 1];
    return below === undefined ? 'unmapped' : `unmapped, ${hex(pa - below.base - below.size)} past ${below.name}`;
  }

  /** Region that contains the whole access. @throws BusAccessAbort when there is none */
  private claim(pa: number, width: 1 | 2 | 4 | 8, value: number | bigint | null): BusRegion {
    const region = this.find(pa);
    if (region === null) throw this.abort('unmapped', pa, width, value, 'no device at this address');
    // The base is a multiple of 8, so offset and address have the same alignment. Its low three
    // bits survive the 32-bit operator.
    const offset = pa - region.base;
    if ((offset & (width - 1)) !== 0) {
      throw this.abort('unaligned', pa, width, value, `not a multiple of ${width}`);
    }
    if (offset + width > region.size) {
      throw this.abort('partly-outside', pa, width, value, `the device ends at ${hex(region.base + region.size)}`);
    }
    return region;
  }

  private abort(
    reason: 'unmapped' | 'partly-outside' | 'unaligned',
    pa: number,
    width: 1 | 2 | 4 | 8,
    value: number | bigint | null,
    detail: string,
  ): BusAccessAbort {
    return new BusAccessAbort(reason, { pa, width, value }, this.describe(pa), detail);
  }

  /**
   * Adds the access to a device's refusal; any other error is a fault of the emulator and is
   * returned unchanged.
   */
  private withAccess(error: unknown, pa: number, width: 1 | 2 | 4 | 8, value: number | bigint | null): unknown {
    if (!(error instanceof BusAbort)) return error;
    return new BusAccessAbort('device', { pa, width, value }, this.describe(pa), error.message);
  }

  /**
   * Index of the first region whose end is above `pa`; the number of regions when there is none.
   */
  private firstEndingAfter(pa: number): number {
    let low = 0;
    let high = this.sortedRegions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const region = this.sortedRegions[middle] as BusRegion;
      if (region.base + region.size > pa) {
        high = middle;
      } else {
        low = middle + 1;
      }
    }
    return low;
  }
}

/** Low bits of a word, unsigned: the value of an access of this width. */
function bitsOf(word: number, width: AccessWidth): number {
  return width === 4 ? word >>> 0 : word & (width === 1 ? 0xff : 0xffff);
}

function rangeOf({ name, base, size }: BusRange): BusRange {
  return { name, base, size };
}

function checkRange(range: BusRange): void {
  const { name, base, size } = range;
  if (name === '') throw new BusRangeError(range, 'a device needs a name');
  if (!Number.isInteger(base) || base < 0 || base % BASE_ALIGNMENT !== 0) {
    throw new BusRangeError(range, `the base must be a multiple of ${BASE_ALIGNMENT}, not negative`);
  }
  if (!Number.isInteger(size) || size <= 0) {
    throw new BusRangeError(range, 'the size must be a positive number of bytes');
  }
  if (base + size > PHYSICAL_SPACE) {
    throw new BusRangeError(range, `it ends above the ${hex(PHYSICAL_SPACE)} bytes that can be addressed`);
  }
}
