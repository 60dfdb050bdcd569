// SPDX-License-Identifier: GPL-2.0-only
/**
 * Injected allocation failures: counts allocations and emits an event for each that fails.
 * faulty-buddy.ts calls it before each allocation.
 *
 * ```
 * allocation_faults (.bss)
 *  +4 i  u32 asked[i]    allocations so far that rule i counts
 * ```
 *
 * The counters are ordinary kernel memory: a reset clears them, and a restored machine continues
 * with them.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { type EventOwner, ownedBy } from '#kernel-ts/hal/kernel-events.ts';
import type { MemoryPort, TracePort } from '#kernel-ts/hal/ports.ts';
import type { BssArena } from '#kernel-ts/kernel/mm/bss.ts';
import type { BuddyCounts } from '#kernel-ts/kernel/mm/buddy.ts';
import { type AllocationFault, describeAllocationFault, type MemoryFaults } from './memory-faults.ts';

const COUNTER_BYTES = 4;

/** Requested allocation. */
export interface AllocationRequest {
  readonly order: number;
  readonly frames: number;
  /** Owner that requests it. */
  readonly owner: EventOwner;
}

/** Decides for each allocation, before it is made, whether it fails. */
export class AllocationFaults {
  private readonly memory: MemoryPort;
  private readonly trace: TracePort;
  private readonly rules: readonly AllocationFault[];
  private readonly oomAt: number | null;
  private readonly counters: VirtAddr;

  /** @throws KernelPanic when .bss has no room for the counters */
  constructor(memory: MemoryPort, bss: BssArena, faults: MemoryFaults, trace: TracePort) {
    this.memory = memory;
    this.trace = trace;
    this.rules = faults.failAlloc ?? [];
    this.oomAt = faults.oomAt ?? null;
    const bytes = this.rules.length * COUNTER_BYTES;
    this.counters = bss.reserve('allocation_faults', bytes, COUNTER_BYTES);
    memory.fill(this.counters, bytes, 0);
  }

  /**
   * True when this allocation must fail. Every rule counts it, even when another rule makes it
   * fail.
   */
  refuses(request: AllocationRequest, { totalFrames, freeFrames }: BuddyCounts): boolean {
    let refused = false;
    for (const [index, rule] of this.rules.entries()) {
      if (rule.order !== undefined && rule.order !== request.order) continue;
      const count = this.count(index);
      if (!fails(rule, count)) continue;
      refused = true;
      this.trace.emit('fault', {
        what: 'fail-alloc',
        order: request.order,
        ...ownedBy(request.owner),
        rule: describeAllocationFault(rule),
        count,
      });
    }
    const inUse = totalFrames - freeFrames + request.frames;
    if (this.oomAt !== null && inUse > this.oomAt * totalFrames) {
      refused = true;
      const used = { inUse: totalFrames - freeFrames, totalFrames };
      this.trace.emit('fault', { what: 'oom-at', order: request.order, ...ownedBy(request.owner), ...used });
    }
    return refused;
  }

  private count(index: number): number {
    const va = virtAddr(this.counters + BigInt(index * COUNTER_BYTES));
    const count = this.memory.read32(va) + 1;
    this.memory.write32(va, count);
    return count;
  }
}

/** True when a rule makes the `count`-th allocation that it counts fail. */
export function fails({ nth, every }: AllocationFault, count: number): boolean {
  if (every === undefined) return nth === undefined || count === nth;
  const first = nth ?? every;
  return count >= first && (count - first) % every === 0;
}
