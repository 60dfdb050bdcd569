// SPDX-License-Identifier: GPL-2.0-only
/**
 * Buddy allocator with injected faults: it refuses the requests that a rule selects, and poisons
 * freed frames. The memory system uses it only when faults were requested.
 */

import { PAGE_SIZE, type PhysAddr, type VirtAddr } from '#common/address.ts';
import type { MemoryPort, TracePort } from '#kernel-ts/hal/ports.ts';
import type { BssArena } from '#kernel-ts/kernel/mm/bss.ts';
import { Buddy, coveringOrder } from '#kernel-ts/kernel/mm/buddy.ts';
import type { BuddyTrace } from '#kernel-ts/kernel/mm/buddy-trace.ts';
import type { MemMap } from '#kernel-ts/kernel/mm/mem-map.ts';
import { MAX_ORDER } from '#kernel-ts/kernel/mm/page.ts';
import { AllocationFaults } from './allocation-faults.ts';
import { FramePoison } from './frame-poison.ts';
import type { MemoryFaults } from './memory-faults.ts';

/** The allocator and its faults. */
export class FaultyBuddy extends Buddy {
  private readonly owners: BuddyTrace;
  private readonly faults: AllocationFaults;
  private readonly poison: FramePoison | null;

  /**
   * The parameters are Buddy's, and these:
   * @param owners says on whose behalf it works, @param trace told of each fault as an event of
   * kind `fault`
   * @throws KernelPanic when .bss is full or `zonesAt` is missing
   */
  constructor(
    memory: MemoryPort,
    bss: BssArena,
    map: MemMap,
    zonesAt: VirtAddr | undefined,
    owners: BuddyTrace,
    faults: MemoryFaults,
    trace: TracePort,
  ) {
    super(memory, bss, map, zonesAt, owners);
    this.owners = owners;
    this.faults = new AllocationFaults(memory, bss, faults, trace);
    this.poison = faults.poisonFreed === true ? new FramePoison(memory, map) : null;
  }

  override allocFrames(order: number): PhysAddr | null {
    return this.allocUnlessRefused(order, 2 ** order, () => super.allocFrames(order));
  }

  override allocBelow(order: number, limit: number): PhysAddr | null {
    return this.allocUnlessRefused(order, 2 ** order, () => super.allocBelow(order, limit));
  }

  override allocExact(bytes: number): PhysAddr | null {
    const frames = Math.ceil(bytes / PAGE_SIZE);
    return this.allocUnlessRefused(coveringOrder(frames), frames, () => super.allocExact(bytes));
  }

  override freeFrames(frame: PhysAddr, order: number): void {
    super.freeFrames(frame, order);
    this.poison?.fill(frame, 2 ** order, this.owners.current.name);
  }

  override freeExact(frame: PhysAddr, bytes: number): void {
    super.freeExact(frame, bytes);
    this.poison?.fill(frame, Math.ceil(bytes / PAGE_SIZE), this.owners.current.name);
  }

  private allocUnlessRefused(order: number, frames: number, alloc: () => PhysAddr | null): PhysAddr | null {
    const owner = this.owners.current;
    // An invalid request gets its own panic.
    const exists = order >= 0 && order <= MAX_ORDER;
    if (exists && this.faults.refuses({ order, frames, owner }, this.counts())) return null;
    const frame = alloc();
    if (frame !== null) this.poison?.check(frame, frames, owner.name);
    return frame;
  }
}
