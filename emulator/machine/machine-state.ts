// SPDX-License-Identifier: GPL-2.0-only
/**
 * State of a whole machine except memory, as plain data: the part of a snapshot beside the bytes of
 * memory.
 *
 *     save:     clock, events made, devices by name, interrupt controller, timers, cores, turns   (between two runs)
 *     restore:  the same into a machine built alike, whose memory has its bytes already
 *
 * Nothing is executed and no line is driven. The event queue is not saved as a list: each device
 * and timer resumes its own waits with their deadlines, so events at the same tick keep their
 * order.
 *
 * Not here: memory, and snapshot files (workbench/snapshot/).
 */

import type { Bus } from '#emulator/bus/bus.ts';
import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { Clock } from '#emulator/timer/clock.ts';
import type { Vcpu } from '#emulator/cpu/vcpu.ts';
import type { FlashWindows } from './flash-windows.ts';
import type { MachineInterrupts } from './machine-ports.ts';
import type { MachineRegisters } from './machine-registers.ts';
import type { MaskedWaits } from './masked-waits.ts';
import type { SavedState } from '#emulator/bus/saved-state.ts';
import type { EventQueue } from '#emulator/timer/event-queue.ts';
import type { RunLoop } from './run-loop.ts';
import type { Turns } from './turns.ts';

/** Parts of a machine that have state. */
export interface MachineStateContext {
  readonly clock: Clock;
  readonly eventQueue: EventQueue;
  readonly bus: Bus;
  readonly interrupts: MachineInterrupts | null;
  readonly vcpus: readonly Vcpu[];
  readonly turns: Turns;
  readonly maskedWaits: MaskedWaits;
  readonly registers: MachineRegisters;
  readonly flashes: FlashWindows;
  readonly loop: RunLoop;
  /** Opens the core of a vcpu, with an engine. */
  readonly open: (vcpu: Vcpu) => MachineCore;
}

/** Result of {@link saveMachine}. */
export type MachineState = ReturnType<typeof saveMachine>;

/**
 * Saves a machine between two runs. @throws EngineError when a core cannot be saved, see
 * CpuEngine.exportState
 */
export function saveMachine(parts: MachineStateContext) {
  const { clock, eventQueue, bus, interrupts, vcpus, turns, maskedWaits, registers, flashes, loop } = parts;
  return {
    clock: clock.saveState(),
    eventsMade: eventQueue.saveState(),
    devices: Object.fromEntries(
      bus.regions().map(({ name, device }): [string, SavedState] => [name, device.saveState()]),
    ),
    interrupts: interrupts?.saveState() ?? null,
    cores: vcpus.map(({ state, start, ranUntil, timer, core }) => ({
      state,
      start,
      ranUntil,
      timer: timer.saveState(),
      core: core?.saveState() ?? null,
    })),
    turns: turns.saveState(),
    maskedWaits: maskedWaits.saveState(),
    registers: registers.saveState(),
    flashes: flashes.saveState(),
    cut: loop.saveState(),
  };
}

/**
 * Restores into a machine with the same parts, whose memory is restored already. @throws
 * EngineError when the registers were saved by another engine
 */
export function restoreMachine(parts: MachineStateContext, state: MachineState): void {
  const { clock, eventQueue, bus, interrupts, vcpus, turns, maskedWaits, registers, flashes, loop, open } = parts;
  eventQueue.restoreState(state.eventsMade);
  clock.restoreState(state.clock);
  for (const { name, device } of bus.regions()) device.restoreState(state.devices[name] ?? null);
  interrupts?.restoreState(state.interrupts);
  for (const [index, saved] of state.cores.entries()) {
    const vcpu = vcpus[index];
    if (vcpu === undefined) continue;
    vcpu.state = saved.state;
    vcpu.start = saved.start;
    vcpu.ranUntil = saved.ranUntil;
    vcpu.timer.restoreState(saved.timer);
    if (saved.core !== null) open(vcpu).restoreState(saved.core);
  }
  turns.restoreState(state.turns);
  maskedWaits.restoreState(state.maskedWaits);
  registers.restoreState(state.registers);
  flashes.restoreState(state.flashes);
  loop.restoreState(state.cut);
}
