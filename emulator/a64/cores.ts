// SPDX-License-Identifier: GPL-2.0-only
/** Cores of one machine: the factory that a machine takes for the own core. */

import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import { A64Core } from './core.ts';
import { type CoreType, coreTypeOf } from './core-types.ts';
import type { HandlerCode } from './handlers.ts';
import { Runtime } from './runtime.ts';
import type { A64Statistics, HostClock } from './statistics.ts';

/** Visits of a place of code before it is translated. */
const HOT_AFTER = 1000;

/** Own cores of one machine. */
export interface A64Cores extends CoreFactory {
  /** Counts, and times if there is a clock, of all cores so far. */
  statistics(): A64Statistics;
  /** Memory for the state and tables of all cores. */
  readonly blocks: Uint8Array;
}

/**
 * Cores of one machine, with its memory.
 * @param hotAfter visits of a place of code before it is translated; 0: at once; Infinity: never.
 * The guest cannot observe it.
 * @param type of all cores; without it, MIDR_EL1 gives the type of each
 * @param now clock for the times in the statistics
 * @param prepared the interpreter as a build has generated it, null when it is to be generated now
 */
export function a64Cores({
  hotAfter = HOT_AFTER,
  type,
  now = null,
  prepared,
}: {
  readonly hotAfter?: number;
  readonly type?: CoreType;
  readonly now?: HostClock | null;
  readonly prepared?: (() => HandlerCode | null) | undefined;
} = {}): A64Cores {
  const runtime = new Runtime(now, prepared);
  return {
    statistics: () => runtime.statistics,
    blocks: runtime.blocks,
    allocate: (bytes) => runtime.allocate(bytes),
    open: (index, mpidr, environment, midr) =>
      new A64Core(runtime, { index, mpidr, type: type ?? coreTypeOf(midr) }, environment, hotAfter),
  };
}
