// SPDX-License-Identifier: GPL-2.0-only
/**
 * A guest for a debugger's target: run for a while, with the end of the run as the command line
 * would judge it.
 */

import type { RunEnd } from '#emulator/debug/machine-target.ts';
import type { Guest } from './guest-machine.ts';

/** Runs at most so many instructions and nanoseconds of simulated time. Null: it can go on. */
export function runJudged({ machine }: Guest, instructions: number, ns: number): RunEnd | null {
  const { clock } = machine;
  const stop = machine.run({
    maxInstructions: clock.instructions + instructions,
    ...(ns === Infinity ? {} : { untilNs: clock.nowNs + ns }),
  });
  if (stop.kind === 'limit') return null;
  return stop.kind === 'idle'
    ? { outcome: 'steady', exitStatus: 0, reason: 'reached its steady state' }
    : { outcome: stop.kind, exitStatus: 3, reason: stop.kind };
}
