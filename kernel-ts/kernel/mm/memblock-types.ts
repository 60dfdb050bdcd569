// SPDX-License-Identifier: GPL-2.0-only
/**
 * Types of memblock's inputs and outputs. Addresses and sizes in bytes, ranges half-open.
 */

import type { Range } from '#common/range.ts';
import type { Owner } from './owner.ts';

/** Range of 64-bit addresses: those of the device tree are `bigint`. */
export type Range64 = Range<bigint | number>;

/** Owner and attributes of a reservation. */
export interface Reservation {
  readonly owner: Owner;
  /** True to keep it out of every mapping. */
  readonly noMap?: boolean;
}

/** Reserved range. The `countedBytes` of all add up to the reserved RAM. */
export interface ReservedRange extends Range {
  readonly noMap: boolean;
  readonly owner: Owner;
  /** Number of its bytes that are RAM. */
  readonly ramBytes: number;
  /** Number of these that no earlier range covers. */
  readonly countedBytes: number;
}

/** Options of {@link Memblock.alloc}: the place lies in [from, limit). */
export interface AllocOptions {
  readonly owner: Owner;
  readonly noMap?: boolean;
  readonly from?: number;
  readonly limit?: number;
}

/** Child of /reserved-memory whose place the kernel chooses. */
export interface DynamicRequest {
  readonly size: bigint | number;
  /** Power of two; page size when absent. */
  readonly alignment?: bigint | number;
  /** Ranges to try, in this order; anywhere when absent or empty. */
  readonly allocRanges?: readonly Range64[];
  readonly noMap?: boolean;
  readonly owner: Owner;
}

/** Everything that will be added, known in advance from the device tree. */
export interface CapacityPlan {
  readonly memory: Iterable<Range64>;
  readonly reserved: Iterable<Range64>;
  /** Range for the tables, which must be mapped. All of the direct map when absent. */
  readonly within?: Range;
}

/** Sums in bytes. `ram = reserved + free`. */
export interface MemblockTotals {
  readonly ram: number;
  readonly reserved: number;
  readonly free: number;
  /** Input beyond the direct map's 2^47 bytes, of memory and reservations together. */
  readonly clipped: bigint;
  /** RAM in partial pages at the ends of memory regions. */
  readonly trimmed: number;
  readonly memoryRegions: number;
  readonly reservedRegions: number;
  readonly largestHole: number;
}
