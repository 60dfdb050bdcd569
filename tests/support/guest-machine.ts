// SPDX-License-Identifier: GPL-2.0-only
/**
 * A board with one of the assembly guests of firmware/guests loaded into RAM and the core at its
 * first instruction, at EL3. Not a test.
 *
 *     RAM + 0x10_0000  the image: entry at its start, a parameter of 64 bits at offset 8 where the guest has one
 */

import { findBoard } from '#boards/registry.ts';
import type { SerialDevice } from '#emulator/devices/serial-device.ts';
import type { SerialLine } from '#emulator/devices/serial-line.ts';
import type { CpuModel } from '#emulator/engine/unicorn-handle.ts';
import { engineCores } from '#emulator/cpu/core.ts';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import { createUnicornEngine, probeEngineVersion } from '#emulator/engine/unicorn.ts';
import type { EventKind } from '#workbench/machine/event-kinds.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { MachineStop, RunLimits } from '#emulator/machine/run-loop.ts';
import { chooseCores } from '#host/cores.ts';
import { readFirmwareImage } from '#host/firmware-images.ts';
import { buildBoardMachine } from '#workbench/machine/board-machine.ts';
import type { EngineName } from '#workbench/host/engine-name.ts';
import { locateEngine } from '#workbench/engine-library/engine-library.ts';

export type GuestBoard = 'qemu-virt' | 'pixel6';

export const RAM_BASE = { 'qemu-virt': 0x4000_0000, pixel6: 0x8000_0000 } as const;
/** Load address of images, from the start of RAM: QEMU keeps its device tree below. */
export const IMAGE_OFFSET = 0x10_0000;
const PARAMETER_OFFSET = 8;

/** More than any guest needs; a guest that hangs ends here. */
const MOST_INSTRUCTIONS = 20_000_000;

export interface GuestOptions {
  readonly board?: GuestBoard;
  readonly parameter?: bigint;
  readonly trace?: readonly EventKind[];
  /** Replaces LEVITATE_ENGINE. */
  readonly engine?: EngineName;
  readonly model?: CpuModel;
  readonly counting?: 'fastest' | 'engine';
  /** The factory of its cores; absent: chosen by the other options. */
  readonly cores?: CoreFactory;
  /** Cores that the board has; its own number when absent. */
  readonly cpus?: number;
  /** qemu-virt: type of the cores. */
  readonly cpuType?: string;
  /** qemu-virt: 2 or 3. */
  readonly gicVersion?: 2 | 3;
  /** EL2 is the guest's, and so HVC. */
  readonly guestHasEl2?: boolean;
}

export interface Guest {
  readonly machine: Machine;
  readonly serial: SerialLine;
  readonly console: SerialDevice;
  /** Address of the image. */
  readonly base: number;
  /** Runs to the end, or a limit that no guest should meet. */
  run(limits?: RunLimits): MachineStop;
}

let library: string | null = null;

/** The engine's library, looked for once. @throws EngineLibraryError */
export function engineLibrary(): string {
  library ??= locateEngine(probeEngineVersion).path;
  return library;
}

/** Unicorn where it is asked for something of its own, else as LEVITATE_ENGINE says. */
function coresFor({ engine, model, counting, cores }: GuestOptions): CoreFactory {
  if (cores !== undefined) return cores;
  if (model === undefined && counting === undefined) return chooseCores({ engine }).cores;
  return engineCores((callbacks) =>
    createUnicornEngine({
      library: engineLibrary(),
      callbacks,
      ...(model === undefined ? {} : { model }),
      ...(counting === undefined ? {} : { counting }),
    }),
  );
}

/** Loads firmware/images/guests/NAME.bin, or the code given. */
export function bootGuest(image: string | Uint8Array, options: GuestOptions = {}): Guest {
  const boardName = options.board ?? 'qemu-virt';
  const { machine, serial, console } = buildBoardMachine({
    board: findBoard(boardName).create({
      cpus: options.cpus,
      gicVersion: options.gicVersion,
      cpuType: options.cpuType,
      el: options.guestHasEl2 === true ? 2 : 1,
    }),
    firmware: new Uint8Array(4),
    cores: coresFor(options),
    guestHasEl2: options.guestHasEl2 === true,
    ...(options.trace === undefined ? {} : { trace: options.trace }),
  });
  const base = RAM_BASE[boardName] + IMAGE_OFFSET;
  machine.memory.writeBytes(base, typeof image === 'string' ? readFirmwareImage(`guests/${image}.bin`) : image);
  if (options.parameter !== undefined) machine.memory.write64(base + PARAMETER_OFFSET, options.parameter);
  machine.reset(base);
  return {
    machine,
    serial,
    console,
    base,
    run: (limits = { maxInstructions: MOST_INSTRUCTIONS }) => machine.run(limits),
  };
}
