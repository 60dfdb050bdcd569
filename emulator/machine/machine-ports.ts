// SPDX-License-Identifier: GPL-2.0-only
/**
 * Ports that are connected to a machine after it was made: interrupt controller, gates of a guest,
 * a debugger.
 */

import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import type { InterfaceRegisters } from './machine-registers.ts';
import type { Stateful } from '#emulator/bus/saved-state.ts';

/** TypeScript side of a guest: the HLT immediates of its gates, and their actions. */
export interface GateHandler {
  owns(immediate: number): boolean;
  /** Called with the core stopped after the gate instruction. */
  enter(immediate: number, core: MachineCore): void;
}

/** Notifications to the debugger of a running machine. */
export interface MachineObserver {
  /** Called when a core was turned on for the first time and has not run. */
  coreOpened(core: MachineCore): void;
  /** Called before TypeScript code runs in place of a core. */
  gateEntered(): void;
  /** Called after it. */
  gateLeft(core: MachineCore): void;
}

/** Interrupt controller as the machine uses it; devices/gic/ has two. */
export interface MachineInterrupts extends InterfaceRegisters, Stateful {
  setSpi(intid: number, level: boolean): void;
  setPpi(cpu: number, intid: number, level: boolean): void;
  /** True when core `cpu`, which waits, must wake. */
  pendingFor(cpu: number): boolean;
  /** False when nothing can interrupt a core, because software has not enabled interrupts. */
  couldInterrupt(): boolean;
  /** Resets the CPU interface of core `cpu`, which starts again. */
  resetCpu?(cpu: number): void;
}
