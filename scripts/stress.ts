// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run stress`: runs Debian's user space hard, on this machine and on QEMU, and stops at the
 * first difference.
 */

import { spawnSync } from 'node:child_process';
import { commandMain, EXIT_INTERRUPTED } from '#workbench/cli/command.ts';
import { flag, value, valueOr } from '#workbench/cli/option-table.ts';
import { wholeNumber } from '#workbench/cli/quantities.ts';
import { engineName } from '#workbench/host/engine-name.ts';
import { InputError } from '#workbench/input-error.ts';
import { QEMU } from './stress/machines.ts';
import { runStress } from './stress/run-stress.ts';

const EXIT_DIFFERENT = 1;
const MOST = 1_000_000;

/** Progress and the verdict go to stderr. */
const say = (line: string) => process.stderr.write(`${line}\n`);

export const main = commandMain({
  name: 'stress',
  summary:
    'Boots Debian 12 (fetched once, 90 MB) and runs rounds of parts in its user space, here and on QEMU at the same time, until the guest time is used up; compares every result. The first difference ends it.',
  usage: '[options]',
  options: {
    minutes: valueOr('<n>', 30, 'guest time', wholeNumber(1, MOST)),
    engine: valueOr('<name>', 'auto', 'auto, unicorn, or wasm: the own core', (option, name) =>
      engineName(name, option),
    ),
    smp: valueOr('<n>', 1, 'cores', wholeNumber(1, 8)),
    seed: valueOr('<n>', 1, 'seed of the parts and of the guest', wholeNumber(1, MOST)),
    scale: valueOr('<n>', 1, 'how much each part does', wholeNumber(1, MOST)),
    rest: valueOr('<n>', 60, 'seconds of each round in which the guest mostly waits', wholeNumber(1, MOST)),
    rounds: value('<n>', 'stop after so many rounds', wholeNumber(0, MOST)),
    parts: value('<list>', 'only these parts, comma-separated (below)', (_option, list) =>
      list.split(',').filter((part) => part !== ''),
    ),
    noQemu: flag('without QEMU: only what the host knows and what the guest checks by itself'),
  },
  details: {
    Parts: [
      'shell digests perl python gcc tree disk threads signals memory code arithmetic forks speed together timers',
      'threads and what follows need gcc before them',
    ],
  },
  examples: [['npm run stress -- --minutes 5'], ['npm run stress -- --smp 4 --seed 7 --parts gcc,threads --no-qemu']],
  statuses: {
    0: 'no difference within the guest time',
    1: 'a difference, with its round and part',
    2: 'usage, or a guest that cannot be had',
    130: 'interrupted before the time was used up',
  },
  async run({ options, interrupt }) {
    const { seed, noQemu } = options;
    if (!noQemu && spawnSync(QEMU, ['--version']).status !== 0) {
      throw new InputError(`${QEMU} is not installed: install it (Debian: qemu-system-arm), or say --no-qemu`);
    }
    const { fault, lines, guestSeconds, idleShare } = await runStress({
      signal: interrupt,
      engine: options.engine,
      cpus: options.smp,
      seed,
      scale: options.scale,
      restSeconds: options.rest,
      rounds: options.rounds ?? 0,
      guestSeconds: options.minutes * 60,
      parts: options.parts ?? [],
      withQemu: !noQemu,
      say,
    });
    const idle = `${(idleShare * 100).toFixed(0)} % of it idle`;
    const what = `${lines.length} results in ${guestSeconds.toFixed(0)} s of guest time, ${idle}, seed ${seed}`;
    if (fault !== null) {
      say(`FAULT after ${what}:\n${fault}`);
      return EXIT_DIFFERENT;
    }
    say(`${interrupt.aborted ? 'interrupted; no difference until then' : 'no difference'}: ${what}`);
    return interrupt.aborted ? EXIT_INTERRUPTED : 0;
  },
});
