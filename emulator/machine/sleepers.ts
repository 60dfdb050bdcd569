// SPDX-License-Identifier: GPL-2.0-only
/**
 * Waking of cores that sleep in WFI or wait in WFE: the causes, the time, and whether anything ever
 * will.
 *
 *     WFI ─► sleeping ─┬─ an interrupt, masked or not ─► running      a masked one may be let wait: masked-waits.ts
 *     WFE ─► waiting  ─┴─ one that can be taken, an event ─► running
 *
 * Not here: scheduling (turns.ts), events between cores (cpu/vcpu.ts).
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.7 (waiting).
 */

import type { Recurrence } from '#emulator/cpu/machine-core.ts';
import type { Clock } from '#emulator/timer/clock.ts';
import { type Vcpu, stillness, wake } from '#emulator/cpu/vcpu.ts';
import { MaskedWaits } from './masked-waits.ts';
import type { MachineInterrupts } from './machine-ports.ts';
import type { EventQueue } from '#emulator/timer/event-queue.ts';
import type { Turns } from './turns.ts';

export interface SleepersContext {
  readonly vcpus: readonly Vcpu[];
  readonly clock: Pick<Clock, 'ticks'>;
  readonly eventQueue: Pick<EventQueue, 'nextTick'>;
  readonly turns: Pick<Turns, 'othersRun'>;
  /** Interrupt controller; null until it is connected. */
  readonly interrupts: () => Pick<MachineInterrupts, 'pendingFor'> | null;
}

export class Sleepers {
  readonly maskedWaits: MaskedWaits;
  private readonly parts: SleepersContext;

  constructor(parts: SleepersContext) {
    this.parts = parts;
    this.maskedWaits = new MaskedWaits(parts.vcpus.length);
  }

  /** Puts a core to sleep that has executed WFI. */
  sleep(vcpu: Vcpu): void {
    const { clock, eventQueue, turns } = this.parts;
    vcpu.state = 'sleeping';
    const { core, index } = vcpu;
    if (core === null || !this.isWoken(vcpu) || core.interruptTakeable || turns.othersRun(vcpu)) return;
    this.maskedWaits.begin(index, clock.ticks, eventQueue.nextTick, core.inClosedLoop);
  }

  /**
   * Wakes cores with an interrupt: from WFI whether masked or not, from WFE only when it can be
   * taken.
   */
  wakeInterrupted(): void {
    const now = this.parts.clock.ticks;
    for (const vcpu of this.parts.vcpus) {
      const { state, index } = vcpu;
      if (state !== 'sleeping' && state !== 'waiting') continue;
      const isTakeable = vcpu.core?.interruptTakeable === true;
      if (state === 'waiting' ? !isTakeable : !this.isWoken(vcpu)) continue;
      const waits = state === 'sleeping' && now < this.maskedWaits.end(index);
      if (waits && !isTakeable) continue;
      if (waits) this.maskedWaits.woken(index, now);
      wake(vcpu);
    }
  }

  /**
   * Tick at which a core will run or an event is due, when no core runs now. Infinity: never
   * without input.
   */
  nextWake(): number {
    const wakes = this.parts.vcpus.map((vcpu) => {
      if (vcpu.state === 'waiting') return vcpu.timer.nextStreamTick;
      return vcpu.state === 'sleeping' && this.isWoken(vcpu) ? this.maskedWaits.end(vcpu.index) : Infinity;
    });
    return Math.min(this.parts.eventQueue.nextTick, ...wakes);
  }

  /**
   * True when no event is due, and every core sleeps for ever or loops without changing anything:
   * only input could change that.
   */
  get standStill(): boolean {
    const { eventQueue, vcpus } = this.parts;
    if (eventQueue.nextTick !== Infinity) return false;
    const on = vcpus.filter(({ state }) => state !== 'off');
    const still = on.map((vcpu) => this.stillnessOf(vcpu));
    // A core may wait for what another one does. So each must have been seen unchanged after all
    // others stopped changing.
    return still.every(
      (one) => one !== null && still.every((other) => one === other || (other !== null && one.seen >= other.since)),
    );
  }

  private stillnessOf(vcpu: Vcpu): Recurrence | null {
    const { state, start, core, ranUntil } = vcpu;
    if (start !== null || core === null || core.interruptTakeable) return null;
    if (state === 'sleeping' && !this.isWoken(vcpu)) return { since: ranUntil, seen: Infinity };
    return stillness(vcpu);
  }

  /** True when an interrupt, masked or not, ends the WFI of a core. */
  private isWoken(vcpu: Vcpu): boolean {
    return this.parts.interrupts()?.pendingFor(vcpu.index) === true || vcpu.core?.interruptPending === true;
  }
}
