// SPDX-License-Identifier: GPL-2.0-only
/** What a device on the bus is: the type that every file under devices/ satisfies. */

import type { DeviceEventKind, MachineEvents } from '#emulator/events/machine-events.ts';
import type { Stateful } from './saved-state.ts';

/**
 * Width of an access in bytes. A 64-bit access reaches a device as two 32-bit ones, lower address
 * first.
 */
export type AccessWidth = 1 | 2 | 4;

/**
 * A memory-mapped device. Offsets are in bytes from its base; `value` is unsigned. The bus takes as
 * many low bits of what a read gives as the access has. A device answers every offset inside its
 * size: an unknown register reads zero, ignores writes, and is reported once through the context it
 * was built with. It throws {@link BusAbort} where the hardware answers with an external abort.
 */
export interface Device extends Stateful {
  /** Model name as in its datasheet: "PL011". */
  readonly model: string;
  read(offset: number, width: AccessWidth): number;
  write(offset: number, width: AccessWidth, value: number): void;
  /** Back to the reset values. */
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

/** What a device may ask of the machine it sits in. */
export interface DeviceContext {
  /** Simulated time in nanoseconds. */
  nowNs(): number;
  /** Reports an event of the device. */
  emit<K extends DeviceEventKind>(kind: K, fields: MachineEvents[K]): void;
  /** Drives the device's interrupt line. */
  setIrq(level: boolean): void;
}
