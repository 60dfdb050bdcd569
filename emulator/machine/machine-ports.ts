// SPDX-License-Identifier: GPL-2.0-only
/**
 * What is connected to a machine after it was made: interrupt controller, gates of a guest, a
 * debugger.
 */

import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { InterfaceRegisters } from './machine-registers.ts';
import type { Stateful } from '#emulator/bus/saved-state.ts';

/** The TypeScript side of a guest: which HLT immediates it owns and what they do. */
export interface GateHandler {
  owns(immediate: number): boolean;
  /** Called with the core stopped behind the gate instruction. */
  enter(immediate: number, core: MachineCore): void;
}

/** Notifications to the debugger of a running machine. */
export interface MachineObserver {
  /** A core was turned on for the first time and has not run. */
  coreOpened(core: MachineCore): void;
  /** TypeScript code is about to run in the place of a core. */
  gateEntered(): void;
  /** It has run. */
  gateLeft(core: MachineCore): void;
}

/** The interrupt controller as the machine uses it; devices/gic/ has two. */
export interface MachineInterrupts extends InterfaceRegisters, Stateful {
  setSpi(intid: number, level: boolean): void;
  setPpi(cpu: number, intid: number, level: boolean): void;
  /** True when core `cpu`, waiting, has a reason to wake. */
  pendingFor(cpu: number): boolean;
  /** False when nothing can interrupt a core: its software has not enabled interrupts. */
  couldInterrupt(): boolean;
  /** Core `cpu` starts again: its CPU interface is in its reset state. */
  resetCpu?(cpu: number): void;
}
