// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interface of a core for the machine, debuggers, snapshots and TypeScript guests. It has two
 * implementations: core.ts around an engine that reports exceptions, and a64/core.ts, the own core.
 * {@link CoreContext} is the interface in the other direction: what a core asks of its machine.
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

/** Synchronous exception, with its registers. */
export interface TakenException {
  readonly esr: number;
  readonly elr: bigint;
  /** Fault address; null for exceptions without one. */
  readonly far: bigint | null;
}

/** Exception that recurs for ever unless something changes from outside. */
export interface Recurrence {
  /** First tick since which the core has changed nothing. */
  readonly since: number;
  /** Tick at which it was taken last; its cause was seen as it was then. */
  readonly seen: number;
}

export interface MachineCore {
  readonly index: number;
  /** Affinity fields of MPIDR_EL1. */
  readonly mpidr: number;
  /** Registers, mapped memory, watches. */
  readonly engine: CoreEngine;
  /** Memory as code at EL1 on this core sees it, for TypeScript code. */
  readonly virtualMemory: VirtualMemory;
  /** Current exception level. */
  readonly level: number;
  /**
   * Interrupt groups that are virtual at the current level, whose CPU interface is then a guest's:
   * bit 0 for group 0, bit 1 for group 1. Absent: none.
   */
  readonly virtualGroups?: number;
  /** True when EL2 is a host of EL0 (HCR_EL2.E2H and TGE) and controls its accesses. */
  readonly hostsEl0?: boolean;
  /** True when walks and translation registers are those of EL2's regime while EL2 runs. */
  readonly walksEl2?: boolean;
  /** First synchronous exception since reset, or null. */
  readonly firstException: TakenException | null;
  /** True while an interrupt is signalled, masked or not: it wakes the core from WFI. */
  readonly interruptPending: boolean;
  /** True while an interrupt is signalled and not masked. */
  readonly interruptTakeable: boolean;
  /**
   * True when no interrupt can be taken until the core unmasks one or changes its exception level.
   */
  readonly interruptsMasked: boolean;
  /**
   * True when the core loops for ever without changing anything, until an interrupt is taken or its
   * code is changed from outside (closed-loop.ts). False when this is not known.
   */
  readonly inClosedLoop: boolean;
  /**
   * Exception that the core takes again and again without changing anything else; null when there
   * is none, or when this is not known.
   * @param ranUntil tick at which it was executed last
   */
  recurrence(ranUntil: number): Recurrence | null;
  /**
   * True when the last run ended inside a block of code, where time and interrupts are not checked:
   * the rest of the block is executed first.
   */
  readonly inBlock: boolean;

  /** Routes whole pages [base, base + size) to the bus. */
  mapBus(base: number, size: number): void;
  /** Cold reset to `level` at `entry`, AArch64, DAIF masked, MMU off. */
  reset(entry: bigint, level: 1 | 2 | 3): void;
  /**
   * Saves the core between slices. Caches of memory are not state: a restored core fills them
   * again.
   * @throws EngineError, see CpuEngine.exportState
   */
  saveState(): SavedState;
  /**
   * Restores the core; memory must be restored before. @throws EngineError when the registers were
   * saved by another engine
   */
  restoreState(state: SavedState): void;

  /**
   * Architectural value of a system register; the machine's own registers take precedence over the
   * engine's. Undefined when neither has it.
   */
  readSystemRegister(encoding: SystemRegisterEncoding): bigint | undefined;
  /** Writes a system register. Returns false when neither the machine nor the engine has it. */
  writeSystemRegister(encoding: SystemRegisterEncoding, value: bigint): boolean;
  translationRegisters(): TranslationRegisters;
  /** Walks the tables of the EL1&0 regime for `va`, or those of EL2 (`walksEl2`). */
  walk(va: bigint): Translation;
  /**
   * Notes that another core changed translations or code. This core drops its cached copies before
   * it runs again.
   */
  forget(change: SharedChange): void;

  /**
   * Drives the core's interrupt lines and those of its virtual CPU interface. A rising line ends
   * the slice, so that the interrupt is taken at once.
   */
  setInterruptLines(irq: boolean, fiq: boolean, virtualIrq?: boolean, virtualFiq?: boolean): void;
  /** Takes the signalled, unmasked interrupt, if there is one. Between slices only. */
  takeInterrupt(): boolean;
  /**
   * Number of instructions that the core may run while an interrupt waits to be unmasked. Infinity
   * for a core that takes it at the right instruction, or ends the slice there, by itself.
   */
  instructionsToUnmask(): number;
  /** Sets the event register, for a core that may wait in WFE. */
  wakeFromWfe(): void;

  /**
   * Executes until an event that the machine must see, or `count` instructions. A core of whole
   * blocks continues to the end of its block, but for at most `most` instructions: then {@link
   * MachineCore.inBlock} may be true.
   */
  run(count: number, most?: number): CoreStop;
  /** Ends the running slice; `run` returns 'stopped'. */
  stop(): void;
  /** Ends the running slice early without a reason of its own; `run` returns 'count'. */
  interruptSlice(): void;
  /** Shortens the running slice by `ticks` of time that passed without instructions. */
  timePassed(ticks: number): void;
  /**
   * Makes the core take a synchronous exception at its current PC, as if the instruction there had
   * faulted with this syndrome.
   */
  raiseSynchronous(esr: number, far: bigint | null): void;
}

/** Creates the cores of a machine. */
export interface CoreFactory {
  /** Allocates zeroed memory that can be mapped into the cores. */
  allocate(bytes: number): Uint8Array<ArrayBuffer>;
  /** @param midr MIDR_EL1, which selects the core type where cores differ */
  open(index: number, mpidr: number, environment: CoreContext, midr: number): MachineCore;
}

/** Decisions that a core leaves to the machine. */
export interface CoreContext {
  readonly memory: PhysicalMemory;
  readonly bus: Bus;
  readonly clock: Clock;
  /** True when the access is a store into flash that is mapped as memory. */
  isFlashStore(access: UnmappedAccess): boolean;
  /**
   * Announces such a store, made by an instruction that is executed alone. Returns false when the
   * access is no such store.
   */
  noteFlashStore(access: UnmappedAccess): boolean;
  /** Called after that instruction. Returns false when it made no such store. */
  flashStoresMade(): boolean;
  /** Called after a TLBI or IC of the core: the others must follow. */
  maintained(core: MachineCore, change: SharedChange): void;
  /** Reads the instruction word at a physical address in RAM or ROM; null where there is none. */
  readCode(address: number): number | null;
  /** True when `HLT #immediate` is a gate of the current guest. */
  isGate(immediate: number): boolean;
  /** True when the guest has EL2, so that HVC is a call to it. */
  readonly guestHasEl2: boolean;
  /**
   * HVC or SMC. Returns false when this machine's firmware does not answer it, which makes the
   * instruction undefined.
   */
  firmwareCall(core: MachineCore, conduit: 'hvc' | 'smc'): boolean;
  /**
   * True when accesses to this register must come to the machine although the engine also has it.
   */
  intercepts(encoding: SystemRegisterEncoding): boolean;
  /**
   * False when EL0 on this core may not access an intercepted register: the access is trapped to
   * EL1.
   */
  allowedAtEl0(core: MachineCore, encoding: SystemRegisterEncoding, read: boolean): boolean;
  /** Value of a system register that the engine lacks; undefined when the machine lacks it too. */
  readSystemRegister(core: MachineCore, encoding: SystemRegisterEncoding): bigint | undefined;
  /** Writes such a register. Returns false when the machine lacks it too. */
  writeSystemRegister(core: MachineCore, encoding: SystemRegisterEncoding, value: bigint): boolean;
  /** True while another core could use this one's time. */
  othersRun(core: MachineCore): boolean;
  /** Called when the core executed SEV. */
  eventSent(): void;
  /** Reports an event of the core. */
  emit<K extends keyof MachineEvents>(core: MachineCore, kind: K, fields: MachineEvents[K]): void;
  /** True when events of this kind are traced. */
  traces(kind: keyof MachineEvents): boolean;
}

/** Reason why `run` returned. */
export type CoreStop =
  | { readonly kind: 'count' }
  /** WFI; PC is after it, or at it when a masked interrupt is pending. */
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
