// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine that goes on where a snapshot was taken.
 *
 *     file ─► contents ─► engine, drives, images the same? ─► a machine built alike ─┬─ state: put back, not executed
 *                                                                                    └─ repeat: run again, and compared
 */

import { noteUsed } from '#emulator/machine/fixed-memory.ts';
import { libraryDigest } from '#host/cores.ts';
import { fileDigest, whyUnreadable } from '#host/drives.ts';
import type { HostClock } from '#emulator/a64/statistics.ts';
import type { CoreEngine } from '#emulator/engine/engine.ts';
import type { EventKind } from './event-kinds.ts';
import { restoreMachine as restoreState, saveMachine } from '#emulator/machine/machine-state.ts';
import { differenceOfShape } from '#emulator/bus/saved-state.ts';
import { InputError } from '#workbench/input-error.ts';
import { LevitateMachine, type MachineSettings } from './levitate-machine.ts';
import type { RepeatedGuest, SavedGuest, SnapshotContents, SnapshotMoment } from '#workbench/snapshot/contents.ts';
import { loadedDigest, machineDigest } from '#workbench/snapshot/digest.ts';
import { restorePages, restoreRam } from '#workbench/snapshot/memory-pages.ts';
import { decodeSnapshotFile, SnapshotFileError } from '#workbench/snapshot/snapshot-file.ts';

export interface RestoreOptions {
  /** Name of the bytes in messages; "snapshot" when absent. */
  readonly name?: string;
  /** Loud event kinds to keep; those of the machine that was saved when absent. */
  readonly trace?: readonly EventKind[] | undefined;
  /** As in MachineSettings; they see what is sent from now on. */
  readonly expectText?: string | undefined;
  readonly failText?: string | undefined;
  /** Clock of the host, milliseconds: for times in LevitateMachine.statistics. */
  readonly now?: HostClock | null;
}

/**
 * The machine of `snapshot`, as it was then. It goes on as the saved one did, byte for byte.
 * @throws InputError when the bytes are no snapshot, of another version, cut short, damaged, of
 * another build of the engine, or when what it needs has changed; and as LevitateMachine
 */
export function restoreMachine(snapshot: Uint8Array, options: RestoreOptions = {}): LevitateMachine {
  const { name = 'snapshot' } = options;
  try {
    return restored(decodeSnapshotFile(snapshot), options);
  } catch (error) {
    if (error instanceof SnapshotFileError || error instanceof InputError) {
      throw new InputError(`${name}: ${error.message}`);
    }
    throw error;
  }
}

function restored({ at, loaded, drives, guest, ...saved }: SnapshotContents, options: RestoreOptions): LevitateMachine {
  // The file has all settings of the machine.
  const settings: MachineSettings = saved.settings;
  for (const { file, bytes, sha256 } of drives) checkDrive(file, bytes, sha256);
  const { trace = settings.trace, expectText, failText, now = null } = options;
  const machine = new LevitateMachine({ ...settings, trace, expectText, failText }, now);
  try {
    if (loadedDigest(machine.parts.plan) !== loaded) {
      throw new InputError(
        "another version of the emulator made it: its firmware or its board's device tree differs; save it again with this one",
      );
    }
    if (guest.how === 'state') putBack(machine, guest);
    else repeat(machine, guest, at);
  } catch (error) {
    machine.close();
    throw error;
  }
  return machine;
}

function checkDrive(file: string, bytes: number, sha256: string): void {
  let now: ReturnType<typeof fileDigest>;
  try {
    now = fileDigest(file);
  } catch (error) {
    throw new InputError(`its drive ${file} cannot be read (${whyUnreadable(error)}); put the disk image back`);
  }
  if (now.bytes !== bytes || now.sha256 !== sha256) {
    throw new InputError(
      `its drive ${file} has changed since (${bytes} bytes then); put the disk image back as it was`,
    );
  }
}

function putBack(machine: LevitateMachine, guest: SavedGuest): void {
  const { parts } = machine;
  checkEngine(guest, parts.machine.bootCore.engine, parts.engineLibrary);
  const difference = differenceOfShape(guest.machine, saveMachine(parts.machine.parts));
  if (difference !== null) {
    throw new InputError(
      `another version of the emulator made it: "${difference}" differs; save it again with this one`,
    );
  }
  restoreRam(parts.machine.memory, guest.ram);
  for (const [index, memory] of parts.machine.fixedMemory.entries()) {
    const changed = guest.fixedMemory[index];
    if (changed === undefined || changed.pages.length === 0) continue;
    restorePages(memory.bytes, changed.bitmap, changed.pages);
    noteUsed(memory, memory.bytes.length);
  }
  restoreState(parts.machine.parts, guest.machine);
  parts.bitFlips.resume();
  parts.serial.restoreState(guest.serial);
}

function checkEngine({ engine }: SavedGuest, { version }: CoreEngine, library: string | null): void {
  const sha256 = libraryDigest(library);
  if (engine.version === version && engine.sha256 === sha256) return;
  const name = (text: string, digest: string) => `${text} (${digest.slice(0, 12)})`;
  throw new InputError(
    `its registers are in the form of ${name(engine.version, engine.sha256)}, and ${library ?? 'the own core'} is ${name(version, sha256)}; ` +
      'name the same build of Unicorn with LEVITATE_UNICORN=FILE, or save it again',
  );
}

function repeat(machine: LevitateMachine, { inputs, digest }: RepeatedGuest, at: SnapshotMoment): void {
  for (const { sent, bytes, instructions, ticks } of inputs) {
    if (sent !== null) machine.serial.whenSent(sent, () => machine.type(bytes));
    else {
      runTo(machine, instructions, ticks);
      machine.type(bytes);
    }
  }
  runTo(machine, at.instructions, at.ticks);
  if (machineDigest(machine.machine, machine.serial.bytes) !== digest) {
    throw new InputError(
      'the modelled kernel was run again to the same instruction and is not in the same state: another version of the emulator made the snapshot, ' +
        'or the machine was changed by hand (a debugger); save it again with this one',
    );
  }
}

/** Executes to that instruction, and sleeps to that tick. */
function runTo(machine: LevitateMachine, instructions: number, ticks: number): void {
  const { clock } = machine.machine;
  while (clock.instructions < instructions) {
    const before = clock.ticks;
    machine.run({ maxInstructions: instructions });
    // At rest already: the digest will tell.
    if (clock.ticks === before) return;
  }
  if (clock.ticks < ticks) machine.run({ timeoutNs: (ticks * 1e9) / clock.frequencyHz });
}
