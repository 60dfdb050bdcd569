// SPDX-License-Identifier: GPL-2.0-only
/**
 * Bits of RAM that change by themselves at a simulated time, as a particle or a weak cell changes
 * them.
 */

import { eventsOf } from './event-kinds.ts';
import { alignDown, hex, physAddr } from '#common/address.ts';
import { CODE_LINE } from '#emulator/cpu/stale-caches.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { BitFlip } from './fault-settings.ts';

/** The flips of one machine. Each flip happens once, also when the machine is reset in between. */
export class BitFlips {
  private readonly machine: Machine;
  private readonly waiting: Set<BitFlip>;

  /**
   * @param isModelled the guest is the modelled kernel, which runs for long between two looks of
   * the machine at its schedule
   */
  constructor(machine: Machine, flips: readonly BitFlip[], isModelled: boolean) {
    this.machine = machine;
    this.waiting = new Set(flips);
    if (isModelled && flips.length > 0) this.watchPortAccesses();
  }

  /** Schedules them again after a reset, which clears the schedule. */
  schedule(): void {
    const { eventQueue, clock } = this.machine;
    for (const flip of this.waiting) eventQueue.at(clock.ticksFor(flip.atNs), () => this.flip(flip));
  }

  /** Continues a saved machine: bits that had flipped before the snapshot do not flip again. */
  resume(): void {
    const { clock } = this.machine;
    for (const flip of this.waiting) if (clock.ticksFor(flip.atNs) <= clock.ticks) this.waiting.delete(flip);
    this.schedule();
  }

  /**
   * Inside a gate, time passes with the kernel's port accesses, and the kernel's whole boot is one
   * gate. So a bit flips at the access that reaches its time. Machines without flips keep a plain
   * field.
   */
  private watchPortAccesses(): void {
    const { clock } = this.machine;
    let accesses = clock.portAccesses;
    Object.defineProperty(clock, 'portAccesses', {
      get: () => accesses,
      set: (value: number) => {
        accesses = value;
        for (const flip of this.waiting) if (clock.ticksFor(flip.atNs) <= clock.ticks) this.flip(flip);
      },
    });
  }

  /** Cores see it at once, in data and code. TLB entries stay, as in hardware. */
  private flip(flip: BitFlip): void {
    const { memory, cores } = this.machine;
    if (!this.waiting.delete(flip)) return;
    const { address, bit } = flip;
    const pa = physAddr(address);
    const before = memory.readBytes(pa, 1)[0] ?? 0;
    const after = before ^ (1 << bit);
    memory.writeBytes(pa, Uint8Array.of(after));
    const line = alignDown(pa, CODE_LINE);
    for (const core of cores) core.forget({ kind: 'code range', start: line, end: line + CODE_LINE });
    eventsOf(this.machine).emit('fault', {
      what: 'flip-bit',
      address: hex(address),
      bit,
      before: hex(before),
      after: hex(after),
    });
  }
}
