// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run bench`: the costs of booting and allocating, compared with bars and with the physical
 * limit, which is measured in the same run.
 *
 * Each line: the median of several samples, the noise (half the distance between their quartiles),
 * the bar, the limit (the same work on plain typed arrays, or in a process without the machine; for
 * guests the same image on QEMU), their ratio, and OK or MISSED. How bars are judged:
 * scripts/bench/measurement.ts.
 */

import { cpus } from 'node:os';
import { buddy } from './bench/buddy.ts';
import { engine } from './bench/engine.ts';
import { fragmentation } from './bench/fragmentation.ts';
import { guests } from './bench/guests.ts';
import { log } from './bench/log.ts';
import { judge, type Line } from './bench/measurement.ts';
import { memMap, oneBoot } from './bench/mem-map.ts';
import { processes } from './bench/processes.ts';
import { scale } from './bench/scale.ts';
import type { Section } from './bench/section.ts';
import { slab } from './bench/slab.ts';
import { tableHead, tableLine } from './bench/table.ts';
import { wholeProcess } from './bench/whole-process.ts';
import { commandMain } from '#workbench/cli/command.ts';
import { flag, text } from '#workbench/cli/option-table.ts';
import { checkOutput, writeOutput } from '#workbench/files/output-file.ts';
import { InputError } from '#workbench/input-error.ts';

/** Processes come first: later they would share the host with this process's memory. */
const SECTIONS: readonly Section[] = [
  wholeProcess,
  guests,
  log,
  memMap,
  buddy,
  slab,
  fragmentation,
  scale,
  processes,
  engine,
];

const EXIT_MISSED = 1;
const SECTION_NAMES = SECTIONS.map(({ name }) => name);

export const main = commandMain({
  name: 'bench',
  summary: 'Measures what booting and allocating cost and compares with the bars. Without names: everything.',
  usage: '[options] [NAME ...]',
  operands: ['[names...]', SECTION_NAMES.join(' | ')],
  options: {
    short: flag(
      'for busy machines: fewer samples, no guests; only checks, and bars on ratios and memory (by 3 times), can fail',
    ),
    json: text('<file>', 'write every sample to this file too'),
    oneBoot: { ...flag('one boot in this process, for the bench itself'), hidden: true },
  },
  examples: [
    ['npm run bench', 'everything, some minutes'],
    ['npm run bench -- --short boot log', 'a quick look at two sections'],
  ],
  statuses: { 0: 'every bar held', 1: 'a bar was missed or a check failed' },
  run({ options, words }) {
    if (!options.oneBoot) return bench(options, words);
    process.stdout.write(oneBoot());
    return 0;
  },
});

async function bench(
  { short, json }: { readonly short: boolean; readonly json: string | undefined },
  names: readonly string[],
): Promise<number> {
  const unknown = names.find((name) => !SECTION_NAMES.includes(name));
  if (unknown !== undefined) throw new InputError(`there is no "${unknown}"; there are ${SECTION_NAMES.join(', ')}`);
  const chosen = SECTIONS.filter(({ name, long }) =>
    names.length === 0 ? !(long === true && short) : names.includes(name),
  );
  // A file that cannot be written is reported before minutes of measuring.
  if (json !== undefined) checkOutput('--json', json);
  const lines = await measure(chosen, short);
  if (json !== undefined) {
    const host = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length };
    const contents = `${JSON.stringify({ short, host, lines }, null, 2)}\n`;
    writeOutput('--json', json, contents);
  }
  const missed = lines.filter(({ verdict }) => verdict === 'MISSED');
  const held = lines.filter(({ verdict }) => verdict === 'OK').length;
  const above = lines.filter(({ verdict }) => verdict === 'above').length;
  const allowed = short ? 'a short run allows' : 'the noise allows';
  process.stdout.write(`\n${held} held, ${above} above but not by more than ${allowed}, ${missed.length} missed\n`);
  return missed.length === 0 ? 0 : EXIT_MISSED;
}

async function measure(sections: readonly Section[], short: boolean): Promise<Line[]> {
  const lines: Line[] = [];
  process.stdout.write(`${tableHead()}\n`);
  for (const section of sections) {
    await section.run({
      short,
      report: (result) => {
        const line = judge(result, short);
        lines.push(line);
        process.stdout.write(`${tableLine(line)}\n`);
      },
    });
  }
  return lines;
}
