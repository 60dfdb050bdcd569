// SPDX-License-Identifier: GPL-2.0-only
/**
 * One core of the machine, on or off: its number, its timer and its state. The MachineCore that
 * executes its instructions is created when the core is first turned on.
 */

import type { MachineCore, Recurrence } from './machine-core.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { GenericTimer } from '#emulator/timer/generic-timer.ts';

/** Start of a core that is turned on: first PC, exception level, and x0. */
export type CoreStart = { readonly entry: bigint; readonly context: bigint; readonly level: 1 | 2 };

export interface Vcpu {
  readonly index: number;
  readonly mpidr: number;
  readonly timer: GenericTimer;
  core: MachineCore | null;
  /** sleeping: in WFI; waiting: in WFE. */
  state: 'off' | 'running' | 'sleeping' | 'waiting';
  /**
   * Start of a core that was turned on but has not run yet. Engines are not created while another
   * one executes.
   */
  start: CoreStart | null;
  /** Tick at which it was executed last. */
  ranUntil: number;
}

/** Core that is off. */
export function vcpuThatIsOff(index: number, mpidr: number, timer: GenericTimer): Vcpu {
  return { index, mpidr, timer, core: null, state: 'off', start: null, ranUntil: 0 };
}

/**
 * Range of ticks in which an awake core has changed nothing and will continue so by itself: from
 * when, and until when this was observed. Null when it may change something.
 */
export function stillness({ core, ranUntil }: Pick<Vcpu, 'core' | 'ranUntil'>): Recurrence | null {
  if (core?.inClosedLoop === true) return { since: ranUntil, seen: Infinity };
  return core?.recurrence(ranUntil) ?? null;
}

/**
 * Turns on a core that is off. It takes part in scheduling from now on, so the slice of the core
 * that turned it on ends.
 */
export function turnOn(vcpu: Vcpu, start: CoreStart, by: Pick<MachineCore, 'interruptSlice'> | null): void {
  vcpu.start = start;
  vcpu.state = 'running';
  by?.interruptSlice();
}

/** Wakes a core from WFI or WFE, for an interrupt or event. */
export function wake(vcpu: Vcpu): void {
  vcpu.state = 'running';
  vcpu.core?.wakeFromWfe();
}

/** Wakes the cores that wait in WFE, which check their condition again. */
export function wakeWaiting(vcpus: readonly Vcpu[]): void {
  for (const vcpu of vcpus) if (vcpu.state === 'waiting') wake(vcpu);
}

/** SEV: sets the event register of every core. */
export function sendEvent(vcpus: readonly Vcpu[]): void {
  for (const vcpu of vcpus) {
    if (vcpu.state === 'waiting') wake(vcpu);
    else vcpu.core?.wakeFromWfe();
  }
}

/**
 * Spin table of the firmware: a core that is off waits there for an event, and then reads its
 * release word (Documentation/arch/arm64/booting.rst, enable-method "spin-table").
 */
export function releaseCores(
  vcpus: readonly Vcpu[],
  releaseAddresses: readonly (number | null)[],
  memory: Pick<PhysicalMemory, 'read64'>,
  by: Pick<MachineCore, 'interruptSlice'> | null,
  released: (core: number) => void,
): void {
  for (const vcpu of vcpus) {
    const address = releaseAddresses[vcpu.index] ?? null;
    if (address === null || vcpu.state !== 'off') continue;
    const entry = memory.read64(address);
    if (entry === 0n) continue;
    turnOn(vcpu, { entry, context: 0n, level: 1 }, by);
    released(vcpu.index);
  }
}
