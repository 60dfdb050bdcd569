// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run lockstep`: the same machine on Unicorn and on the own core, side by side, up to the
 * first difference: scripts/lockstep/lockstep.ts.
 */

import { showCount } from '#common/quantities.ts';
import { engineStatistics } from '#workbench/boot/engine-statistics.ts';
import { commandMain } from '#workbench/cli/command.ts';
import { MACHINE_OPTIONS, machineSettings } from '#workbench/cli/machine-options.ts';
import { titled, value, valueOr } from '#workbench/cli/option-table.ts';
import { parseTime, wholeNumber } from '#workbench/cli/quantities.ts';
import type { MachineSettings, RunBounds } from '#workbench/machine/levitate-machine.ts';
import { type Agreement, Lockstep } from './lockstep/lockstep.ts';
import { differenceLines, narrow } from './lockstep/narrow.ts';

const EXIT_DIFFERS = 1;
const EVERY = 10_000;
const DEFAULT_TIMEOUT_NS = 60e9;
/** Instructions between two lines of progress. */
const PROGRESS = 50_000_000;
const anyCount = wholeNumber(1, Number.MAX_SAFE_INTEGER);

export const main = commandMain({
  name: 'lockstep',
  summary: 'Runs one machine on Unicorn and on the own core, and stops where their registers first differ.',
  usage: '--board NAME [options]',
  options: {
    ...MACHINE_OPTIONS,
    ...titled('Comparison', {
      every: valueOr('<n>', EVERY, 'instructions between two comparisons of all registers', anyCount),
      maxInstructions: value('<n>', 'instructions to compare at most', anyCount),
      timeout: valueOr('<time>', DEFAULT_TIMEOUT_NS, 'simulated time to compare at most: 10s, 500ms', parseTime),
    }),
  },
  examples: [
    ['npm run lockstep -- --board pixel6', 'the modelled kernel'],
    ['npm run lockstep -- --board qemu-virt --kernel Image --expect-text "# "', 'a Linux, to its shell'],
  ],
  statuses: { 0: 'the registers were the same to the end', 1: 'they differ' },
  run({ options }) {
    const { every, maxInstructions, timeout: timeoutNs } = options;
    return compare(machineSettings(options), every, { maxInstructions, timeoutNs });
  },
});

function compare(settings: MachineSettings, every: number, bounds: RunBounds): number {
  let agreed = 0;
  const end = runToEnd(settings, every, bounds, (instructions) => {
    if (Math.floor(instructions / PROGRESS) > Math.floor(agreed / PROGRESS)) {
      process.stderr.write(`${showCount(instructions)} instructions agree\n`);
    }
    agreed = instructions;
  });
  const { difference, exceptions, outcome } = end;
  if (difference === null) {
    const reason = outcome?.reason ?? '';
    process.stdout.write(
      `the same: ${showCount(end.instructions)} instructions, ${showCount(exceptions)} exceptions; ${reason}\n`,
    );
    return 0;
  }
  process.stdout.write(
    `they differ between instructions ${agreed} and ${end.instructions}, after ${exceptions} exceptions\n`,
  );
  const narrowed = narrow(() => new Lockstep(settings), every, [agreed, end.instructions], bounds);
  const shown = narrowed?.difference ?? difference;
  const where = narrowed === null ? [] : [`at instruction ${narrowed.instruction}:`, ...narrowed.trace];
  process.stdout.write(`${[...where, ...differenceLines(shown)].join('\n')}\n`);
  return EXIT_DIFFERS;
}

function runToEnd(
  settings: MachineSettings,
  every: number,
  bounds: RunBounds,
  agreed: (instructions: number) => void,
): Agreement {
  const pair = new Lockstep(settings);
  try {
    for (;;) {
      const end = pair.advance(every, bounds);
      if (end !== null) return end;
      agreed(pair.instructions);
    }
  } finally {
    process.stderr.write(`own core: ${engineStatistics(pair.follower)}`);
    pair.close();
  }
}
