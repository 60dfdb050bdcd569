/** What a core asks of its machine, and what it tells when a slice has ended. */

import type { MachineEvents } from '#emulator/events/machine-events.ts';
import type { Bus } from '#emulator/bus/bus.ts';
import type { UnmappedAccess } from '#emulator/engine/engine.ts';
import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';
import type { Clock } from '#emulator/machine/clock.ts';
import type { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import type { MachineCore } from './machine-core.ts';
import type { SharedChange } from './stale-caches.ts';

/** What the machine decides for a core. */
export interface CoreEnvironment {
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
  /** That instruction was executed. False when it made no such store. */
  flashStoresMade(): boolean;
  /** The core executed a TLBI or IC: the others must follow. */
  maintained(core: MachineCore, change: SharedChange): void;
  /** The instruction word at a physical address in RAM or ROM, or null. */
  readCode(address: number): number | null;
  /** True when `HLT #immediate` is a gate of the guest that runs. */
  isGate(immediate: number): boolean;
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
