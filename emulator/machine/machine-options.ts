// SPDX-License-Identifier: GPL-2.0-only
/** What a machine is made of: plain data, from which machine.ts builds it. */

import type { Device } from '#emulator/bus/device.ts';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import type { MemoryBank } from '#emulator/memory/physical-memory.ts';

/** A device at [base, base + size). */
export interface MachineDevice {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly device: Device;
  /** False for named but absent ranges; they are not mapped. */
  readonly answers: boolean;
}

/**
 * Memory outside the banks that the core can execute: `rx` is read-only (flash, boot ROM), `rwx` is
 * SRAM.
 */
export interface FixedMemory {
  readonly name: string;
  readonly base: number;
  readonly size: number;
  readonly access: 'rx' | 'rwx';
  /** First bytes; the rest is zero. */
  readonly bytes: Uint8Array;
}

export interface MachineOptions {
  readonly banks: readonly MemoryBank[];
  readonly fixedMemory: readonly FixedMemory[];
  /** MPIDR_EL1 of each core, the boot core first. */
  readonly mpidrs: readonly number[];
  readonly midrs: readonly number[];
  /** Instructions a second of simulated time. */
  readonly instructionsPerSecond: number;
  /** Frequency of the generic timer's counter, Hz. */
  readonly counterFrequencyHz: number;
  /** The instruction by which PSCI is called; null: there is none. */
  readonly psciConduit: 'hvc' | 'smc' | null;
  /** The guest is entered at EL2, where HVC leads; cores that it turns on begin there too. */
  readonly guestHasEl2?: boolean;
  /**
   * Spin table: physical address of each core's release word. A core that is off goes on, at EL1,
   * where its word says when that is not zero and an event is sent (booting.rst).
   */
  readonly releaseAddresses?: readonly (number | null)[];
  /** True when the GIC's CPU interface is in system registers. */
  readonly gicSystemRegisters: boolean;
  /** Makes the cores. */
  readonly cores: CoreFactory;
  /** Loud event kinds to keep. */
  readonly trace?: readonly string[];
}
