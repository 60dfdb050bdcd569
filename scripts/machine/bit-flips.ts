/** Bits of RAM that change by themselves at a simulated time, as a particle or a weak cell changes them. */

import { alignDown, hex, physAddr } from '../../emulator/address.ts';
import { CODE_LINE } from '../../emulator/cpu/stale-caches.ts';
import type { Machine } from '../../emulator/machine.ts';
import type { BitFlip } from './fault-settings.ts';

/** The flips of one machine, each of which happens once, also when the machine is reset in between. */
export class BitFlips {
  private readonly machine: Machine;
  private readonly waiting: Set<BitFlip>;

  constructor(machine: Machine, flips: readonly BitFlip[]) {
    this.machine = machine;
    this.waiting = new Set(flips);
  }

  /** Sets them up, after a reset has cleared what was to happen. */
  schedule(): void {
    const { scheduler, clock } = this.machine;
    for (const flip of this.waiting) scheduler.at(clock.ticksFor(flip.atNs), () => this.flip(flip));
  }

  /** Cores see it at once, in data and in code; a TLB keeps what it has read, as hardware does. */
  private flip(flip: BitFlip): void {
    const { memory, cores, events } = this.machine;
    this.waiting.delete(flip);
    const { address, bit } = flip;
    const pa = physAddr(address);
    const before = memory.readBytes(pa, 1)[0] ?? 0;
    const after = before ^ (1 << bit);
    memory.writeBytes(pa, Uint8Array.of(after));
    const line = alignDown(pa, CODE_LINE);
    for (const core of cores) core.forget({ kind: 'code range', start: line, end: line + CODE_LINE });
    events.emit('fault', { what: 'flip-bit', address: hex(address), bit, before: hex(before), after: hex(after) });
  }
}
