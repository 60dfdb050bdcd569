// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine as it stands between two runs, kept in memory: another one that was built alike goes on
 * from there, as often as is wanted.
 *
 *     checkpoint = state (machine-state.ts) + serial line + memory, whose pages are shared (memory-copy.ts)
 *
 * Only for guests whose whole state is in the machine: the modelled kernel also lives in objects of
 * TypeScript. Events are not kept: whoever goes on from here knows how many there were.
 */

import type { SerialLine } from '#emulator/devices/serial-line.ts';
import { EngineError } from '#emulator/engine/engine.ts';
import { type MachineState, restoreMachine, saveMachine } from '#emulator/machine/machine-state.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import { copyMemory, type MemoryCopy, putMemoryBack } from './memory-copy.ts';

export interface Checkpoint {
  readonly state: MachineState;
  readonly serial: ReturnType<SerialLine['saveState']>;
  readonly memory: MemoryCopy;
}

/** Between two runs. `previous` lends its pages. Null when a core cannot be saved now. */
export function takeCheckpoint(machine: Machine, serial: SerialLine, previous: Checkpoint | null): Checkpoint | null {
  try {
    return {
      state: saveMachine(machine.parts),
      serial: serial.saveState(),
      memory: copyMemory(machine, previous?.memory ?? null),
    };
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}

/** Into a machine built alike, which has not run. The checkpoint stays as it is. */
export function restoreCheckpoint({ state, serial, memory }: Checkpoint, machine: Machine, line: SerialLine): void {
  putMemoryBack(memory, machine);
  // Each part owns the state that it is given.
  restoreMachine(machine.parts, structuredClone(state));
  line.restoreState(serial);
}
