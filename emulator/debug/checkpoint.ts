// SPDX-License-Identifier: GPL-2.0-only
/**
 * Checkpoint: the state of a machine between two runs, kept in memory. Another machine that was
 * built alike can continue from it, any number of times.
 *
 *     checkpoint = state (machine-state.ts) + serial line + memory, whose pages are shared (memory-copy.ts)
 *
 * Only for guests whose whole state is in the machine: the modelled kernel also keeps state in
 * TypeScript objects. Events are not kept: the code that continues from a checkpoint knows how many
 * there were.
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

/**
 * Takes a checkpoint between two runs; it shares unchanged pages with `previous`. Null when a core
 * cannot be saved now.
 */
export function takeCheckpoint(machine: Machine, serial: SerialLine, previous: MemoryCopy | null): Checkpoint | null {
  try {
    return {
      state: saveMachine(machine.parts),
      serial: serial.saveState(),
      memory: copyMemory(machine, previous),
    };
  } catch (error) {
    if (error instanceof EngineError) return null;
    throw error;
  }
}

/**
 * Restores a checkpoint into a machine that was built alike and has not run. The checkpoint stays
 * valid.
 */
export function restoreCheckpoint({ state, serial, memory }: Checkpoint, machine: Machine, line: SerialLine): void {
  putMemoryBack(memory, machine);
  // Each part takes over the state that it is given, so it gets a copy.
  restoreMachine(machine.parts, structuredClone(state));
  line.restoreState(serial);
}
