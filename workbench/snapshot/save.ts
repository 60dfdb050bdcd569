// SPDX-License-Identifier: GPL-2.0-only
/**
 * Makes a snapshot of a machine that stands between two runs: contents.ts as a file,
 * snapshot-file.ts.
 */

import { libraryDigest } from '#host/cores.ts';
import { absolutePath, fileDigest } from '#host/drives.ts';
import { EngineError } from '#emulator/engine/engine.ts';
import { saveMachine } from '#emulator/machine/machine-state.ts';
import type { EngineName } from '#workbench/host/engine-name.ts';
import { InputError } from '#workbench/input-error.ts';
import type {
  DriveDigest,
  LoadedImages,
  SavedGuest,
  SnapshotContents,
  SnapshotContext,
  SnapshotSettings,
} from './contents.ts';
import { loadedDigest, machineDigest } from './digest.ts';
import { changedPages, changedRam, loadedMemory } from './memory-pages.ts';
import { encodeSnapshotFile } from './snapshot-file.ts';

/** @throws InputError when the machine cannot go on */
export function saveSnapshot(parts: SnapshotContext): Uint8Array {
  const { settings, plan, machine, serial, inputs, ended } = parts;
  if (ended !== null) {
    throw new InputError(
      `a snapshot goes on where it was taken, and this machine ${ended}; save it earlier, with --at`,
    );
  }
  const { clock } = machine;
  const contents: SnapshotContents = {
    // Registers are in the form of the engine that ran; the modelled kernel is run again on any.
    settings: { ...settingsToKeep(settings), ...(inputs === null ? { engine: engineOf(parts) } : {}) },
    at: { ns: clock.nowNs, instructions: clock.instructions, ticks: clock.ticks },
    loaded: loadedDigest(plan),
    drives: (settings.drives ?? []).map(({ file }): DriveDigest => ({ file: absolutePath(file), ...fileDigest(file) })),
    guest:
      inputs === null
        ? savedGuest(parts)
        : { how: 'repeat', inputs: inputs.all, digest: machineDigest(machine, serial.bytes) },
  };
  return encodeSnapshotFile(contents);
}

/**
 * Settings that shape the machine, not those that end its run. Files may be restored from another
 * folder.
 */
function settingsToKeep(settings: SnapshotSettings): SnapshotSettings {
  const { expectText: _expect, failText: _fail, drives, ...others } = settings;
  return { ...others, drives: drives?.map(({ file, mode }) => ({ file: absolutePath(file), mode })) };
}

const engineOf = ({ engineLibrary }: SnapshotContext): EngineName => (engineLibrary === null ? 'wasm' : 'unicorn');

function savedGuest({ machine, plan, serial, engineLibrary, firmwareMemory }: SnapshotContext): SavedGuest {
  const loaded = loadedMemory(machine.memory.banks, plan.images);
  return {
    how: 'state',
    engine: { version: machine.bootCore.engine.version, sha256: libraryDigest(engineLibrary) },
    machine: savedState(() => saveMachine(machine.parts)),
    ram: changedRam(machine.memory, loaded),
    fixedMemory: machine.fixedMemory.map(({ name, base, bytes }) =>
      changedPages(base, bytes, name === firmwareMemory ? wholeFirmware(plan, bytes.length) : null),
    ),
    serial: serial.saveState(),
  };
}

function wholeFirmware({ firmware }: LoadedImages, length: number): Uint8Array {
  const whole = new Uint8Array(length);
  whole.set(firmware.subarray(0, length));
  return whole;
}

function savedState<T>(save: () => T): T {
  try {
    return save();
  } catch (error) {
    throw error instanceof EngineError ? new InputError(`no snapshot can be made: ${error.message}`) : error;
  }
}
