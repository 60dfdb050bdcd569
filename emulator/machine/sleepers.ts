// SPDX-License-Identifier: GPL-2.0-only
/**
 * Cores that sleep in WFI or wait in WFE: what wakes them and when, and whether anything ever will.
 *
 *     WFI ─► sleeping ─┬─ an interrupt, masked or not ─► running      a masked one may be let wait: masked-waits.ts
 *     WFE ─► waiting  ─┴─ one that can be taken, an event ─► running
 *
 * Not here: whose turn it is (turns.ts), events between cores (vcpu.ts).
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.7 (waiting).
 */

import type { Recurrence } from '#emulator/cpu/machine-core.ts';
import type { Clock } from './clock.ts';
import { type CoreSlot, stillness, wake } from './vcpu.ts';
import { MaskedWaits } from './masked-waits.ts';
import type { MachineInterrupts } from './machine-ports.ts';
import type { Scheduler } from './event-queue.ts';
import type { Turns } from './turns.ts';

export interface SleepersContext {
  readonly slots: readonly CoreSlot[];
  readonly clock: Pick<Clock, 'ticks'>;
  readonly scheduler: Pick<Scheduler, 'nextTick'>;
  readonly turns: Pick<Turns, 'othersRun'>;
  /** Null until the controller is connected. */
  readonly interrupts: () => Pick<MachineInterrupts, 'pendingFor'> | null;
}

export class Sleepers {
  readonly maskedWaits: MaskedWaits;
  private readonly parts: SleepersContext;

  constructor(parts: SleepersContext) {
    this.parts = parts;
    this.maskedWaits = new MaskedWaits(parts.slots.length);
  }

  /** The core has executed WFI. */
  sleep(slot: CoreSlot): void {
    const { clock, scheduler, turns } = this.parts;
    slot.state = 'sleeping';
    const { core, index } = slot;
    if (core === null || !this.isWoken(slot) || core.interruptTakeable || turns.othersRun(slot)) return;
    this.maskedWaits.begin(index, clock.ticks, scheduler.nextTick, core.goesRound);
  }

  /** An interrupt ends WFI masked or not, WFE when it can be taken. */
  wakeInterrupted(): void {
    const now = this.parts.clock.ticks;
    for (const slot of this.parts.slots) {
      const { state, index } = slot;
      if (state !== 'sleeping' && state !== 'waiting') continue;
      const isTakeable = slot.core?.interruptTakeable === true;
      if (state === 'waiting' ? !isTakeable : !this.isWoken(slot)) continue;
      const waits = state === 'sleeping' && now < this.maskedWaits.end(index);
      if (waits && !isTakeable) continue;
      if (waits) this.maskedWaits.woken(index, now);
      wake(slot);
    }
  }

  /**
   * With no core running: the tick at which one will, or something happens. Infinity: never, unless
   * there is input.
   */
  nextWake(): number {
    const wakes = this.parts.slots.map((slot) => {
      if (slot.state === 'waiting') return slot.timer.nextStreamTick;
      return slot.state === 'sleeping' && this.isWoken(slot) ? this.maskedWaits.end(slot.index) : Infinity;
    });
    return Math.min(this.parts.scheduler.nextTick, ...wakes);
  }

  /**
   * Nothing is due, and every core sleeps for good or goes round without changing anything: only
   * input could change that.
   */
  get standStill(): boolean {
    const { scheduler, slots } = this.parts;
    if (scheduler.nextTick !== Infinity) return false;
    const on = slots.filter(({ state }) => state !== 'off');
    const still = on.map((slot) => this.stillnessOf(slot));
    // What one has done may be what another was waiting for: each was seen to stand still after
    // the others had begun to.
    return still.every(
      (one) => one !== null && still.every((other) => one === other || (other !== null && one.seen >= other.since)),
    );
  }

  private stillnessOf(slot: CoreSlot): Recurrence | null {
    const { state, start, core, ranUntil } = slot;
    if (start !== null || core === null || core.interruptTakeable) return null;
    if (state === 'sleeping' && !this.isWoken(slot)) return { since: ranUntil, seen: Infinity };
    return stillness(slot);
  }

  /** There is an interrupt that ends the WFI of a core, masked or not. */
  private isWoken(slot: CoreSlot): boolean {
    return this.parts.interrupts()?.pendingFor(slot.index) ?? slot.core?.interruptPending === true;
  }
}
