// SPDX-License-Identifier: GPL-2.0-only
/** Configuration of a machine: plain data, from which machine.ts builds it. */

import type { Device } from '#emulator/bus/device.ts';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import type { MemoryBank } from '#emulator/memory/physical-memory.ts';

/** Device at [base, base + size). */
export interface MachineDevice {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly device: Device;
  /** False for named but absent ranges; they are not mapped. */
  readonly answers: boolean;
}

/**
 * Memory outside the banks that cores can execute: `rx` is read-only (flash, boot ROM), `rwx` is
 * SRAM.
 */
export interface FixedMemory {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly access: 'rx' | 'rwx';
  /** Initial contents; the rest is zero. */
  readonly bytes: Uint8Array;
}

export interface MachineOptions {
  readonly banks: readonly MemoryBank[];
  readonly fixedMemory: readonly FixedMemory[];
  /** MPIDR_EL1 of each core, the boot core first. */
  readonly mpidrs: readonly number[];
  readonly midrs: readonly number[];
  /** Instructions per second of simulated time. */
  readonly instructionsPerSecond: number;
  /** Frequency of the generic timer's counter in Hz. */
  readonly counterFrequencyHz: number;
  /** Instruction that calls PSCI; null: none. */
  readonly psciConduit: 'hvc' | 'smc' | null;
  /**
   * True when the guest is entered at EL2, where HVC leads; cores that it turns on also start
   * there.
   */
  readonly guestHasEl2?: boolean;
  /**
   * Spin table: physical address of each core's release word. A core that is off starts at EL1, at
   * the address in its word, when the word is not zero and an event is sent (booting.rst).
   */
  readonly releaseAddresses?: readonly (number | null)[];
  /** True when the GIC's CPU interface is in system registers. */
  readonly gicSystemRegisters: boolean;
  /** Factory of the cores. */
  readonly cores: CoreFactory;
  /** Loud event kinds to keep. */
  readonly trace?: readonly string[];
}
