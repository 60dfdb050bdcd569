// SPDX-License-Identifier: GPL-2.0-only
/**
 * Injected faults of memory: data that a kernel is built with, and that it prints in its log. They
 * do not depend on chance.
 */

/** Allocations of one order, or of all, that fail: all of them without `nth` and `every`. */
export interface AllocationFault {
  /** 0 to 20, for an exact allocation the order that covers it. Absent: every order. */
  readonly order?: number | undefined;
  /** The first that fails, counted from 1 since the reset. The only one when `every` is absent. */
  readonly nth?: number | undefined;
  /**
   * From the `nth` on, every so many-th allocation fails; multiples of `every` when `nth` is
   * absent.
   */
  readonly every?: number | undefined;
}

/** Faults of the memory system. Absent ones do not happen. */
export interface MemoryFaults {
  readonly failAlloc?: readonly AllocationFault[] | undefined;
  /** Allocations fail that would bring the frames in use above this share: 0 to 1. */
  readonly oomAt?: number | undefined;
  /** Fills freed memory with a pattern, and checks the pattern at the next allocation. */
  readonly poisonFreed?: boolean | undefined;
}

/** True when nothing is to go wrong. */
export function isFaultless({ failAlloc = [], oomAt, poisonFreed = false }: MemoryFaults): boolean {
  return failAlloc.length === 0 && oomAt === undefined && !poisonFreed;
}

/** As written on the command line: "fail-alloc order=9,nth=3; oom-at 97%; poison-freed". */
export function describeFaults({ failAlloc = [], oomAt, poisonFreed = false }: MemoryFaults): string {
  return [
    ...failAlloc.map((fault) => `fail-alloc ${describeAllocationFault(fault)}`),
    ...(oomAt === undefined ? [] : [`oom-at ${Number((oomAt * 100).toPrecision(6))}%`]),
    ...(poisonFreed ? ['poison-freed'] : []),
  ].join('; ');
}

/** "order=9,nth=3"; "all" when nothing narrows it. */
export function describeAllocationFault({ order, nth, every }: AllocationFault): string {
  const parts = Object.entries({ order, nth, every }).filter(([, value]) => value !== undefined);
  return parts.length === 0 ? 'all' : parts.map(([name, value]) => `${name}=${value}`).join(',');
}
