// SPDX-License-Identifier: GPL-2.0-only
/**
 * The library: what the command line is made of, for programs and tests.
 *
 *     import { bootBoard } from 'levitate-emulator';
 *     const { outcome, machine } = bootBoard('pixel6');
 *     machine.serial.text;
 */

import { LevitateMachine, type MachineSettings, type RunBounds } from './machine/levitate-machine.ts';
import type { Outcome } from './machine/outcome.ts';

/**
 * A board with the modelled kernel loaded; nothing has run. `machine.run(bounds)` returns an
 * {@link Outcome}; `machine.serial` holds what was printed, `machine.events` the event log,
 * `machine.memory` physical memory, `machine.cpu` the boot core. Call `machine.close()` when done.
 * @throws BoardError, InputError for settings that cannot be; EngineLibraryError, EngineError
 * without a usable engine
 */
export function createMachine(settings: MachineSettings): LevitateMachine {
  return new LevitateMachine(settings);
}

/** A board that has run, and how that ended. */
export interface BootResult {
  readonly outcome: Outcome;
  readonly machine: LevitateMachine;
}

/**
 * Boots a board to its outcome: steady state, a panic, or a limit. A simulated time limit of ten
 * seconds applies unless `bounds` has another one, so that a test ends.
 * @throws as {@link createMachine}, and EngineError for a fault of the emulator
 */
export function bootBoard(
  board: string,
  settings: Omit<MachineSettings, 'board'> = {},
  bounds: RunBounds = {},
): BootResult {
  const machine = createMachine({ ...settings, board });
  const outcome = machine.run({ timeoutNs: 10e9, ...bounds });
  return { outcome, machine };
}

export { BoardError } from '#boards/board-error.ts';
export { boards } from '#boards/registry.ts';
export type { PhysAddr, VirtAddr } from '#common/address.ts';
export { EngineError } from '#emulator/engine/engine.ts';
export { MachineClosedError } from '#emulator/engine/machine-closed-error.ts';
export type { EventOwner, EventOwnerKind } from '#kernel-ts/hal/kernel-events.ts';
export { EVENT_KINDS, type EventKind, type Events, type LogEvent } from './machine/event-kinds.ts';
export { EventFormatError, type EventLogHeader } from '#workbench/log/event-header.ts';
export { eventLines } from '#workbench/log/event-lines.ts';
export {
  cells,
  type FdtNode,
  type FdtTree,
  stringListValue,
  stringValue,
  u64Cells,
  writeFdt,
} from '#fdt/index.ts';
export { makeReport, type Report } from './report/run-report.ts';
export { diffEventLogs, type LogDifference } from './log/diff.ts';
export type { EventFilter } from './log/read-event-log.ts';
export { compareWithGolden, type GoldenDifference, updateGolden } from './log/golden.ts';
export { logHeader } from './log/event-header.ts';
export { readEventLog, readEventLogHeader } from './log/read-event-log.ts';
export { type BuddyExplanation, explainBuddy } from './explain/buddy.ts';
export { explainFrame, type FrameExplanation } from './explain/frame.ts';
export { explainMemMap, type MemMapExplanation } from './explain/mem-map.ts';
export { explainMemory, type MemoryExplanation } from './explain/memory.ts';
export { type OwnedRange, physicalMap, type RangeKind } from './explain/physical-map.ts';
export { explainTables, type TablesExplanation } from './explain/tables.ts';
export type { Unknown } from './explain/kernel-memory.ts';
export { type AddressExplanation, explainAddress } from './explain/virtual-address.ts';
export type { BitFlip, FaultSettings } from './machine/fault-settings.ts';
export { InputError } from './input-error.ts';
export { LevitateMachine, type MachineSettings, type RunBounds } from './machine/levitate-machine.ts';
export type { Outcome } from './machine/outcome.ts';
export { EngineLibraryError } from './engine-library/engine-library.ts';
export { type RestoreOptions, restoreMachine } from './machine/restore-snapshot.ts';
