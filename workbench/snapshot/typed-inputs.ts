// SPDX-License-Identifier: GPL-2.0-only
/**
 * Input typed to a machine, with exact times: enough to repeat it on a machine that runs from its
 * reset.
 *
 * Input comes between two runs, at a tick of the clock, or in the middle of a run, from a listener
 * of the serial line: then right after a byte.
 */

import type { Clock } from '#emulator/timer/clock.ts';
import type { SerialLine } from '#emulator/devices/serial-line.ts';

/** One input. Plain data. */
export type TypedInput = {
  /**
   * Number of bytes that the guest had sent, for input in the middle of a run; null: between two
   * runs.
   */
  readonly sent: number | null;
  readonly instructions: number;
  readonly ticks: number;
  readonly bytes: Uint8Array;
};

export class TypedInputs {
  private readonly clock: Clock;
  private readonly serial: SerialLine;
  private readonly noted: TypedInput[] = [];
  private isRunning = false;

  constructor(clock: Clock, serial: SerialLine) {
    this.clock = clock;
    this.serial = serial;
  }

  /** A run of the machine begins. */
  begin(): void {
    this.isRunning = true;
  }

  /** It has ended. */
  end(): void {
    this.isRunning = false;
  }

  note(bytes: Uint8Array): void {
    const { clock, serial } = this;
    this.noted.push({
      sent: this.isRunning ? serial.byteLength : null,
      instructions: clock.instructions,
      ticks: clock.ticks,
      bytes: bytes.slice(),
    });
  }

  /** Everything so far, oldest first. */
  get all(): readonly TypedInput[] {
    return this.noted;
  }
}
