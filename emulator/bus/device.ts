// SPDX-License-Identifier: GPL-2.0-only
/** Interface of a device on the bus, which every file under devices/ implements. */

import type { DeviceEventKind, MachineEvents } from '#emulator/events/machine-events.ts';
import type { Stateful } from './saved-state.ts';

/**
 * Width of an access in bytes. A 64-bit access reaches a device as two 32-bit ones, lower address
 * first.
 */
export type AccessWidth = 1 | 2 | 4;

/**
 * A memory-mapped device. Offsets are in bytes from its base; `value` is unsigned. The bus keeps
 * only the low bits of a read that fit the access. A device answers every offset inside its size:
 * an unknown register reads zero, ignores writes, and is reported once through the context it was
 * built with. It throws {@link BusAbort} where the hardware answers with an external abort.
 */
export interface Device extends Stateful {
  /** Model name as in the datasheet: "PL011". */
  readonly model: string;
  read(offset: number, width: AccessWidth): number;
  write(offset: number, width: AccessWidth, value: number): void;
  /** Restores the reset values. */
  reset(): void;
}

/**
 * Thrown by a device that refuses an access (wrong width, protected register): the CPU takes a
 * synchronous external abort.
 */
export class BusAbort extends Error {
  constructor(reason: string) {
    super(reason);
    this.name = 'BusAbort';
  }
}

/** Services that a machine offers to its devices. */
export interface DeviceContext {
  /** Simulated time in nanoseconds. */
  nowNs(): number;
  /** Reports an event of the device. */
  emit<K extends DeviceEventKind>(kind: K, fields: MachineEvents[K]): void;
  /** Drives the device's interrupt line. */
  setIrq(level: boolean): void;
}
