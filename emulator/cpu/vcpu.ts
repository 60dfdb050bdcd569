// SPDX-License-Identifier: GPL-2.0-only
/**
 * One core of the machine, on or off: its number, its timer and what it is doing. The MachineCore
 * that executes its instructions is made when it is first turned on.
 */

import type { MachineCore, Recurrence } from './machine-core.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { GenericTimer } from '#emulator/timer/generic-timer.ts';

/** First PC and exception level of a core that is turned on, and its x0. */
export type CoreStart = { readonly entry: bigint; readonly context: bigint; readonly level: 1 | 2 };

export interface Vcpu {
  readonly index: number;
  readonly mpidr: number;
  readonly timer: GenericTimer;
  core: MachineCore | null;
  /** Asleep in WFI, or waiting in WFE. */
  state: 'off' | 'running' | 'sleeping' | 'waiting';
  /**
   * Its start, when it was turned on and has not run yet. Engines are not made while
   * another one executes.
   */
  start: CoreStart | null;
  /** Tick at which it was executed last. */
  ranUntil: number;
}

/** A core that is off. */
export function vcpuThatIsOff(index: number, mpidr: number, timer: GenericTimer): Vcpu {
  return { index, mpidr, timer, core: null, state: 'off', start: null, ranUntil: 0 };
}

/**
 * Since when an awake core has changed nothing and goes on so by itself, and until when this was
 * seen, in ticks; null when it may change something.
 */
export function stillness({ core, ranUntil }: Pick<Vcpu, 'core' | 'ranUntil'>): Recurrence | null {
  if (core?.inClosedLoop === true) return { since: ranUntil, seen: Infinity };
  return core?.recurrence(ranUntil) ?? null;
}

/**
 * Turns a core on that is off. It shares the time from now on: the slice of the core that did it
 * ends.
 */
export function turnOn(vcpu: Vcpu, start: CoreStart, by: Pick<MachineCore, 'interruptSlice'> | null): void {
  vcpu.start = start;
  vcpu.state = 'running';
  by?.interruptSlice();
}

/** An interrupt or an event for a core that sleeps or waits. */
export function wake(vcpu: Vcpu): void {
  vcpu.state = 'running';
  vcpu.core?.wakeFromWfe();
}

/** Cores that wait in WFE look again. */
export function wakeWaiting(vcpus: readonly Vcpu[]): void {
  for (const vcpu of vcpus) if (vcpu.state === 'waiting') wake(vcpu);
}

/** SEV: an event for every core. */
export function sendEvent(vcpus: readonly Vcpu[]): void {
  for (const vcpu of vcpus) {
    if (vcpu.state === 'waiting') wake(vcpu);
    else vcpu.core?.wakeFromWfe();
  }
}

/**
 * The firmware's spin table: cores that are off wait in it for the event that comes with their
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
