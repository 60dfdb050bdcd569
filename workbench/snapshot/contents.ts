// SPDX-License-Identifier: GPL-2.0-only
/**
 * Contents of a snapshot, as plain data.
 *
 *     settings, what was loaded (its digest), drives (their digests)      to build the same machine again
 *     guest: state     registers, devices, changed pages, serial bytes    any guest but ours: goes on at once
 *     guest: repeat    what was typed when, and a digest of the machine   our kernel: executed again, and compared
 *
 * There are two forms because the modelled kernel runs in TypeScript. Its state is in emulated
 * memory, but its objects cannot be made from memory alone.
 */

import type { SerialLine } from '#emulator/devices/serial-line.ts';
import type { MachineState } from '#emulator/machine/machine-state.ts';
import type { Machine } from '#emulator/machine/machine.ts';
import type { DriveSpec } from '#workbench/host/drive.ts';
import type { EngineName } from '#workbench/host/engine-name.ts';
import type { ChangedPages } from './memory-pages.ts';
import type { TypedInput, TypedInputs } from './typed-inputs.ts';

/** Settings of a machine that a snapshot reads or changes. It keeps all others beside them. */
export interface SnapshotSettings {
  readonly board: string;
  readonly memoryBytes?: number | undefined;
  readonly dtb?: Uint8Array | undefined;
  readonly drives?: readonly DriveSpec[] | undefined;
  readonly engine?: EngineName | undefined;
  readonly expectText?: string | undefined;
  readonly failText?: string | undefined;
}

/** What the loader puts into memory before the first instruction. */
export interface LoadedImages {
  /** Contents of the board's executable read-only memory, from its first byte. */
  readonly firmware: Uint8Array;
  readonly images: readonly { readonly what: string; readonly base: number; readonly bytes: Uint8Array }[];
}

/** The parts of a machine that a snapshot saves. */
export interface SnapshotContext {
  readonly settings: SnapshotSettings;
  readonly plan: LoadedImages;
  readonly machine: Machine;
  readonly serial: SerialLine;
  /** Null for a guest that is not the modelled kernel. */
  readonly inputs: TypedInputs | null;
  /** The reason why the machine cannot run any more; null: it can. */
  readonly ended: string | null;
  /** Name of the fixed memory that the firmware is loaded into. */
  readonly firmwareMemory: string | null;
  /** File of the engine's library; null with the own core. */
  readonly engineLibrary: string | null;
}

/** A disk image that must be unchanged. */
export type DriveDigest = {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
};

/** The moment of the run at which a snapshot was taken. */
export type SnapshotMoment = {
  /** Simulated nanoseconds since reset. */
  readonly ns: number;
  readonly instructions: number;
  readonly ticks: number;
};

/** State of a guest that continues at once. */
export type SavedGuest = {
  readonly how: 'state';
  /**
   * The build of the engine whose form the registers have: its version and the digest of its file.
   */
  readonly engine: { readonly version: string; readonly sha256: string };
  readonly machine: MachineState;
  readonly ram: readonly ChangedPages[];
  /** Flash and SRAM. */
  readonly fixedMemory: readonly ChangedPages[];
  readonly serial: ReturnType<SerialLine['saveState']>;
};

/** The modelled kernel, which is run again. */
export type RepeatedGuest = {
  readonly how: 'repeat';
  readonly inputs: readonly TypedInput[];
  /** Digest of the saved machine: digest.ts. */
  readonly digest: string;
};

export type SnapshotContents = {
  readonly settings: SnapshotSettings;
  readonly at: SnapshotMoment;
  /** Digest of what the loader puts into memory. */
  readonly loaded: string;
  readonly drives: readonly DriveDigest[];
  readonly guest: SavedGuest | RepeatedGuest;
};
