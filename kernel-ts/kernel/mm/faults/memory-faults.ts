// SPDX-License-Identifier: GPL-2.0-only
/**
 * Injected memory faults: configuration of a kernel, which it prints in its log. They are
 * deterministic.
 */

/** Rule for allocations that fail, of one order or of all: every one without `nth` and `every`. */
export interface AllocationFault {
  /** Order, 0 to 20; for an exact allocation, the order that covers it. Absent: every order. */
  readonly order?: number | undefined;
  /**
   * First allocation that fails, counted from 1 since the reset. The only one when `every` is
   * absent.
   */
  readonly nth?: number | undefined;
  /**
   * Period: from the `nth` on, every so many-th allocation fails; multiples of `every` when `nth`
   * is absent.
   */
  readonly every?: number | undefined;
}

/** Faults of the memory system. Absent faults do not happen. */
export interface MemoryFaults {
  readonly failAlloc?: readonly AllocationFault[] | undefined;
  /** Share of frames in use, 0 to 1, above which allocations fail. */
  readonly oomAt?: number | undefined;
  /** True to fill freed memory with a pattern, and to check it at the next allocation. */
  readonly poisonFreed?: boolean | undefined;
}

/** True when no fault is configured. */
export function isFaultless({ failAlloc = [], oomAt, poisonFreed = false }: MemoryFaults): boolean {
  return failAlloc.length === 0 && oomAt === undefined && !poisonFreed;
}

/** Formats faults as on the command line: "fail-alloc order=9,nth=3; oom-at 97%; poison-freed". */
export function describeFaults({ failAlloc = [], oomAt, poisonFreed = false }: MemoryFaults): string {
  return [
    ...failAlloc.map((fault) => `fail-alloc ${describeAllocationFault(fault)}`),
    ...(oomAt === undefined ? [] : [`oom-at ${Number((oomAt * 100).toPrecision(6))}%`]),
    ...(poisonFreed ? ['poison-freed'] : []),
  ].join('; ');
}

/** Formats a rule: "order=9,nth=3"; "all" when nothing restricts it. */
export function describeAllocationFault({ order, nth, every }: AllocationFault): string {
  const parts = Object.entries({ order, nth, every }).filter(([, value]) => value !== undefined);
  return parts.length === 0 ? 'all' : parts.map(([name, value]) => `${name}=${value}`).join(',');
}
