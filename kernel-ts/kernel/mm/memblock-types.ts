// SPDX-License-Identifier: GPL-2.0-only
/**
 * Types of memblock's inputs and outputs. Addresses and sizes in bytes, ranges half-open.
 */

import type { Range } from '#common/range.ts';
import type { Owner } from './owner.ts';

/** A range of 64-bit addresses: the device tree's are `bigint`. */
export type Range64 = Range<bigint | number>;

/** Owner and attributes of a reservation. */
export interface Reservation {
  readonly owner: Owner;
  /** Keep it out of every mapping. */
  readonly noMap?: boolean;
}

/** A reserved range. The `countedBytes` of all add up to the reserved RAM. */
export interface ReservedRange extends Range {
  readonly noMap: boolean;
  readonly owner: Owner;
  /** Part of it that is RAM. */
  readonly ramBytes: number;
  /** Part of `ramBytes` that no earlier range covers. */
  readonly countedBytes: number;
}

/** Options of {@link Memblock.alloc}: the place lies in [from, limit). */
export interface AllocOptions {
  readonly owner: Owner;
  readonly noMap?: boolean;
  readonly from?: number;
  readonly limit?: number;
}

/** A child of /reserved-memory that leaves the place to the kernel. */
export interface DynamicRequest {
  readonly size: bigint | number;
  /** Power of two; pages when absent. */
  readonly alignment?: bigint | number;
  /** Tried in this order; anywhere when absent or empty. */
  readonly allocRanges?: readonly Range64[];
  readonly noMap?: boolean;
  readonly owner: Owner;
}

/** All that will be added, known beforehand from the device tree. */
export interface CapacityPlan {
  readonly memory: Iterable<Range64>;
  readonly reserved: Iterable<Range64>;
  /** Range in which the tables may be placed; must be mapped. All of the direct map when absent. */
  readonly within?: Range;
}

/** Sums in bytes. `ram = reserved + free`. */
export interface MemblockTotals {
  readonly ram: number;
  readonly reserved: number;
  readonly free: number;
  /** Input beyond the direct map's 2^47 bytes, memory and reservations together. */
  readonly clipped: bigint;
  /** RAM in partial pages at the ends of memory regions. */
  readonly trimmed: number;
  readonly memoryRegions: number;
  readonly reservedRegions: number;
  readonly largestHole: number;
}
