// SPDX-License-Identifier: GPL-2.0-only
/**
 * `--save FILE [--at WHEN]`: lets a run stop at that moment, writes the snapshot, and lets it go
 * on.
 */

import { writeOutput } from '#workbench/files/output-file.ts';
import { InputError } from '#workbench/input-error.ts';
import type { LevitateMachine, RunBounds } from '#workbench/machine/levitate-machine.ts';
import { showBytes, showCount, showTime } from '#common/quantities.ts';

/** The values of `--save` and `--at`. */
export interface SaveRequest {
  readonly file: string;
  readonly at: 'end' | { readonly ns: number } | { readonly instructions: number };
}

export class SnapshotSaver {
  private readonly request: SaveRequest;
  private readonly quiet: boolean;
  private done = false;

  /** @param quiet nothing is said of it on stderr */
  constructor(request: SaveRequest, quiet: boolean) {
    this.request = request;
    this.quiet = quiet;
  }

  /** `bounds`, limited to the moment to be saved. */
  boundsOf(bounds: RunBounds): RunBounds {
    const { at } = this.request;
    if (this.done || at === 'end') return bounds;
    const { timeoutNs = Infinity, maxInstructions = Infinity } = bounds;
    return 'ns' in at
      ? { maxInstructions, timeoutNs: Math.min(timeoutNs, at.ns) }
      : { timeoutNs, maxInstructions: Math.min(maxInstructions, at.instructions) };
  }

  /** True when the moment has come, and the snapshot has not been written. */
  isDue({ machine: { clock } }: LevitateMachine): boolean {
    const { at } = this.request;
    if (this.done || at === 'end') return false;
    return 'ns' in at ? clock.nowNs >= at.ns : clock.instructions >= at.instructions;
  }

  /**
   * Writes the snapshot. Returns null: the run goes on.
   * @throws InputError when the machine cannot be saved, or the file not be written
   */
  save(machine: LevitateMachine): null {
    const { file } = this.request;
    this.done = true;
    let snapshot: Uint8Array;
    try {
      snapshot = machine.save();
    } catch (error) {
      throw error instanceof InputError ? new InputError(`--save ${file}: ${error.message}`) : error;
    }
    writeOutput('--save', file, snapshot);
    if (!this.quiet) printMoment(`saved ${file}, ${showBytes(snapshot.length)},`, machine);
    return null;
  }

  /**
   * The run is over.
   * @throws InputError when it ended before the moment to be saved, or as `save`
   */
  atEnd(machine: LevitateMachine): void {
    if (this.done) return;
    const { file, at } = this.request;
    if (at === 'end') {
      this.save(machine);
      return;
    }
    const { nowNs, instructions } = machine.machine.clock;
    throw new InputError(
      `--save ${file}: the run ended before --at, at ${showTime(nowNs)} and ${showCount(instructions)} instructions; nothing was saved`,
    );
  }
}

/**
 * Prints on stderr what happens, and the moment of the run: to the nanosecond, because a snapshot
 * is taken at the end of a block of code.
 */
export function printMoment(what: string, { machine: { clock } }: LevitateMachine): void {
  const { nowNs, instructions } = clock;
  process.stderr.write(`boot: ${what} at ${showCount(nowNs)} ns, ${showCount(instructions)} instructions\n`);
}
