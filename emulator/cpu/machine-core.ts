// SPDX-License-Identifier: GPL-2.0-only
/**
 * A core as the machine, debuggers, snapshots and TypeScript guests see it. There are two: core.ts
 * around an engine that reports exceptions, and a64/core.ts, which does all of it itself. With
 * {@link CoreContext}, what a core asks of its machine in turn.
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import type { SavedState } from '#emulator/bus/saved-state.ts';
import type { SharedChange } from './stale-caches.ts';
import type { Translation, TranslationRegisters } from './translate.ts';
import type { VirtualMemory } from './virtual-memory.ts';
import type { MachineEvents } from '#emulator/events/machine-events.ts';
import type { Bus } from '#emulator/bus/bus.ts';
import type { CoreEngine, UnmappedAccess } from '#emulator/engine/engine.ts';
import type { Clock } from '#emulator/timer/clock.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';

/** A synchronous exception, by the registers that describe it. */
export interface TakenException {
  readonly esr: number;
  readonly elr: bigint;
  /** Null when it has no fault address. */
  readonly far: bigint | null;
}

/** One exception that comes again for ever unless somebody else changes something. */
export interface Recurrence {
  /** Tick from which on the core has changed nothing. */
  readonly since: number;
  /** Tick at which it was taken last: what causes it was as it is then. */
  readonly seen: number;
}

export interface MachineCore {
  readonly index: number;
  /** Affinity fields of MPIDR_EL1. */
  readonly mpidr: number;
  /** Registers, memory that is lent, watches. */
  readonly engine: CoreEngine;
  /** Memory as EL1 code on this core sees it, for code in TypeScript. */
  readonly virtualMemory: VirtualMemory;
  /** The exception level that runs. */
  readonly level: number;
  /**
   * Groups of interrupts that are virtual for the level that runs, whose CPU interface is a
   * guest's: 1 group 0, 2 group 1. Absent: none.
   */
  readonly virtualGroups?: number;
  /** EL2 is a host of EL0 (HCR_EL2.E2H and TGE), and says what that may use. */
  readonly hostsEl0?: boolean;
  /** While EL2 runs, walks and translation registers are of its regime. */
  readonly walksEl2?: boolean;
  /** The first synchronous exception since reset, or null. */
  readonly firstException: TakenException | null;
  /** An interrupt is signalled, masked or not: what wakes the core from WFI. */
  readonly interruptPending: boolean;
  /** An interrupt is signalled and would be taken now. */
  readonly interruptTakeable: boolean;
  /** No interrupt can be taken before the core lifts a mask or goes to another level. */
  readonly interruptsMasked: boolean;
  /**
   * The core goes round for ever without changing anything, unless an interrupt is taken or
   * somebody changes its code: closed-loop.ts. False where that cannot be told.
   */
  readonly inClosedLoop: boolean;
  /**
   * The exception that the core takes again and again without changing anything else; null when it
   * does not, or that cannot be told.
   * @param ranUntil tick at which it was executed last
   */
  recurrence(ranUntil: number): Recurrence | null;
  /**
   * The last run ended in the middle of a block of code, where nobody looks at time or interrupts:
   * the rest of it comes first.
   */
  readonly inBlock: boolean;

  /** Routes whole pages [base, base + size) to the bus. */
  mapBus(base: number, size: number): void;
  /** Cold reset to `level` at `entry`, AArch64, DAIF masked, MMU off. */
  reset(entry: bigint, level: 1 | 2 | 3): void;
  /**
   * Called between slices. Caches of memory are not state: a restored core fills them again.
   * @throws EngineError, see CpuEngine.exportState
   */
  saveState(): SavedState;
  /** Memory must be restored before. @throws EngineError when the registers are another engine's */
  restoreState(state: SavedState): void;

  /**
   * A system register by its architectural value: the machine's own registers before the engine's.
   * Undefined when neither has it.
   */
  readSystemRegister(encoding: SystemRegisterEncoding): bigint | undefined;
  /** Writes a system register. False when neither the machine nor the engine has it. */
  writeSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean;
  translationRegisters(): TranslationRegisters;
  /** The level-by-level walk of `va` in the EL1&0 regime, or that of EL2 (`walksEl2`). */
  walk(va: bigint): Translation;
  /**
   * Another core changed translations or code: what this one caches of them goes before it runs
   * again.
   */
  forget(change: SharedChange): void;

  /**
   * Drives the core's interrupt lines, and those of its virtual CPU interface. A line that rises
   * ends the slice, so that the interrupt is taken at once.
   */
  setInterruptLines(irq: boolean, fiq: boolean, virtualIrq?: boolean, virtualFiq?: boolean): void;
  /**
   * Takes the interrupt that is signalled and not masked, if there is one. Between slices only.
   */
  takeInterrupt(): boolean;
  /**
   * How far the core may run while an interrupt waits to be unmasked. Infinity where it takes it by
   * itself, or ends the slice, right after the instruction that does.
   */
  instructionsToUnmask(): number;
  /** An event for a core that may wait in WFE. */
  wakeFromWfe(): void;

  /**
   * Executes until something happens that the machine must see, or `count` instructions. A core of
   * whole blocks goes on to the end of its block, but no further than `most`: then
   * {@link MachineCore.inBlock} may be true.
   */
  run(count: number, most?: number): CoreStop;
  /** Ends the running slice; `run` returns 'stopped'. */
  stop(): void;
  /** Ends the running slice early without a reason of its own; `run` returns 'count'. */
  interruptSlice(): void;
  /**
   * Time has moved on by `ticks` that were not executed: the running slice ends as much earlier.
   */
  timePassed(ticks: number): void;
  /**
   * Makes the core take a synchronous exception at its current PC, as if the instruction there had
   * faulted with this syndrome.
   */
  raiseSynchronous(esr: number, far: bigint | null): void;
}

/** Makes the cores of a machine. */
export interface CoreFactory {
  /** Memory that is lent to the cores: zeros. */
  allocate(bytes: number): Uint8Array<ArrayBuffer>;
  /** @param midr MIDR_EL1: which type it is of, where cores differ */
  open(index: number, mpidr: number, environment: CoreContext, midr: number): MachineCore;
}

/** What the machine decides for a core. */
export interface CoreContext {
  readonly memory: PhysicalMemory;
  readonly bus: Bus;
  readonly clock: Clock;
  /** True when the access is a store into flash that is mapped as memory. */
  isFlashStore(access: UnmappedAccess): boolean;
  /**
   * Such a store is about to be made, by an instruction that is executed alone: false when it is
   * none.
   */
  noteFlashStore(access: UnmappedAccess): boolean;
  /** Told that the instruction was executed. False when it made no such store. */
  flashStoresMade(): boolean;
  /** The core executed a TLBI or IC: the others must follow. */
  maintained(core: MachineCore, change: SharedChange): void;
  /** The instruction word at a physical address in RAM or ROM, or null. */
  readCode(address: number): number | null;
  /** True when `HLT #immediate` is a gate of the guest that runs. */
  isGate(immediate: number): boolean;
  /** The guest has EL2, and HVC is a call to it. */
  readonly guestHasEl2: boolean;
  /**
   * HVC or SMC: returns false when this machine's firmware does not listen there, which makes the
   * instruction undefined.
   */
  firmwareCall(core: MachineCore, conduit: 'hvc' | 'smc'): boolean;
  /**
   * True when accesses to this register must come to the machine although the engine has one of
   * that name.
   */
  intercepts(encoding: SystemRegisterEncoding): boolean;
  /**
   * False when code at EL0 on this core may not access an intercepted register: it is trapped to
   * EL1.
   */
  allowedAtEl0(core: MachineCore, encoding: SystemRegisterEncoding, read: boolean): boolean;
  /**
   * A system register that the engine lacks: its value, or undefined when the machine lacks it too.
   */
  readSystemRegister(core: MachineCore, encoding: SystemRegisterEncoding): bigint | undefined;
  /** Returns false when the machine has no such register. */
  writeSystemRegister(core: MachineCore, encoding: SystemRegisterEncoding, value: bigint): boolean;
  /** True while another core could use this one's time. */
  othersRun(core: MachineCore): boolean;
  /** The core executed SEV. */
  eventSent(): void;
  /** Reports an event of the core. */
  emit<K extends keyof MachineEvents>(core: MachineCore, kind: K, fields: MachineEvents[K]): void;
  /** True when events of this kind are wanted. */
  traces(kind: keyof MachineEvents): boolean;
}

/** Why `run` came back. */
export type CoreStop =
  | { readonly kind: 'count' }
  /** WFI; PC is behind it, or at it when a masked interrupt is pending. */
  | { readonly kind: 'wfi' }
  /** WFE with the event register clear; PC is at it. */
  | { readonly kind: 'wfe' }
  /** YIELD, when another core can use the time; PC is at it. */
  | { readonly kind: 'yield' }
  | { readonly kind: 'gate'; readonly immediate: number }
  /** The same exception was taken many times in a row. */
  | { readonly kind: 'recurring' }
  /** The core can make no more progress: it faults on the first instruction of its own vector. */
  | { readonly kind: 'lockup'; readonly reason: string }
  /** The machine called `engine.stop()`. */
  | { readonly kind: 'stopped' };
