// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine in its steady state, for benches that work on the kernel's own allocator in emulated
 * RAM.
 */

import type { MemorySystem } from '#kernel-ts/kernel/mm/memory.ts';
import { bootBoard } from '#workbench/index.ts';
import type { LevitateMachine, MachineSettings } from '#workbench/machine/levitate-machine.ts';

export interface Booted {
  readonly machine: LevitateMachine;
  readonly memory: MemorySystem;
}

/** @throws Error when the boot does not reach its steady state; as bootBoard does */
export function boot(board: string, settings: Omit<MachineSettings, 'board'> = {}): Booted {
  const { machine, outcome } = bootBoard(board, settings);
  const { memory } = machine.kernel;
  if (outcome.outcome !== 'steady' || memory === null) throw new Error(`${board} ${outcome.reason}`);
  return { machine, memory };
}
