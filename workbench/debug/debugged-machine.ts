// SPDX-License-Identifier: GPL-2.0-only
/**
 * The machine of the command line under a debugger: the present one, and its replacements when the
 * debugger goes back.
 *
 *     restart() ─► replace(null)      the machine from its reset
 *     checkpoint ─► replace(origin)   a machine built alike, put back to where the checkpoint was taken
 */

import type { DriveableMachine } from '#emulator/debug/machine-target.ts';
import { GuestCheckpoints } from '#workbench/machine/guest-checkpoints.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';

/** A machine that continues from the middle of a run. */
export interface MachineOrigin {
  readonly make: () => LevitateMachine;
  /** Events before that point; the machine does not have them. */
  readonly eventsBefore: number;
}

export class DebuggedMachine {
  private current: LevitateMachine;
  private readonly replace: (origin: MachineOrigin | null) => LevitateMachine;
  private readonly keeps: boolean;
  private readonly noteInput: (repeat: () => void) => void;
  /** Number of events before the present machine's first one. */
  private missingEvents = 0;
  private readonly checkpoints = new GuestCheckpoints();

  /**
   * @param keeps whether there are checkpoints at all
   * @param noteInput called for every input, with a function that repeats it
   */
  constructor(
    machine: LevitateMachine,
    replace: (origin: MachineOrigin | null) => LevitateMachine,
    keeps: boolean,
    noteInput: (repeat: () => void) => void,
  ) {
    this.current = machine;
    this.replace = replace;
    this.keeps = keeps;
    this.noteInput = noteInput;
  }

  /** The present machine. */
  drive(): DriveableMachine {
    const { current } = this;
    current.onTyped = (bytes) => this.noteInput(() => this.current.type(bytes));
    return {
      machine: current.machine,
      run: (instructions, ns) => current.runSlice(instructions, {}, ns),
      checkpoint: () => this.checkpoint(),
    };
  }

  /** The machine anew. */
  restart(): DriveableMachine {
    this.current = this.replace(null);
    this.missingEvents = 0;
    return this.drive();
  }

  private checkpoint(): (() => DriveableMachine) | null {
    const { current, keeps } = this;
    const { expectText, failText } = current.parts.settings;
    // Part of an awaited text may have arrived, and the serial line does not keep that.
    if (!keeps || expectText !== undefined || failText !== undefined) return null;
    const make = this.checkpoints.take(current);
    if (make === null) return null;
    const eventsBefore = this.missingEvents + current.events.events.length + current.events.notKept;
    return () => {
      this.current = this.replace({ make, eventsBefore });
      this.missingEvents = eventsBefore - this.current.events.events.length;
      return this.drive();
    };
  }
}
