/**
 * `npm run bench`: what booting and allocating cost, held to bars, beside the physical limit
 * measured in the same run.
 *
 *     npm run bench -- [--short] [--json FILE] [boot] [mem-map] [buddy] [slab] [fragmentation] [scale]
 *                      [processes] [engine] [guests] [log]
 *
 * Each line: the median of several samples, the noise (half the distance between their quartiles),
 * the bar, the limit (the same work on plain typed arrays, or in a process without the machine; for
 * guests the same image on QEMU), their ratio, and OK or MISSED. How bars are judged:
 * scripts/bench/measurement.ts.
 *
 * Exit status: 0 every bar held · 1 a bar was missed or a check failed · 2 usage.
 */

import { cpus } from 'node:os';
import { Command, CommanderError } from 'commander';
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
import { refuseTakenByNpm } from '#workbench/cli/npm-options.ts';
import { tellFailure } from '#workbench/cli/command-failure.ts';
import { checkOutput, writeOutput } from '#workbench/files/output-file.ts';

/** Processes first: later ones would share the host with what this process holds by then. */
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

const EXAMPLES = `
Examples:
  npm run bench                        everything, some minutes
  npm run bench -- --short boot log    a quick look at two sections

Exit status: 0 every bar held · 1 a bar was missed or a check failed · 2 usage`;

const EXIT_MISSED = 1;
const EXIT_USAGE = 2;

interface BenchOptions {
  readonly short?: true;
  readonly json?: string;
  readonly oneBoot?: true;
}

export async function main(args: readonly string[]): Promise<number> {
  const command = benchCommand();
  try {
    refuseTakenByNpm(command, args);
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) return tellFailure('bench', error);
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  try {
    return await bench(command);
  } catch (error) {
    return tellFailure('bench', error);
  }
}

async function bench(command: Command): Promise<number> {
  const options = command.opts<BenchOptions>();
  if (options.oneBoot === true) {
    process.stdout.write(oneBoot());
    return 0;
  }
  const unknown = command.args.find((name) => !SECTIONS.some((section) => section.name === name));
  if (unknown !== undefined) {
    process.stderr.write(`bench: there is no "${unknown}"; there are ${SECTIONS.map(({ name }) => name).join(', ')}\n`);
    return EXIT_USAGE;
  }
  const chosen = SECTIONS.filter(({ name, long }) =>
    command.args.length === 0 ? !(long === true && options.short === true) : command.args.includes(name),
  );
  // Minutes of measuring are not for nothing.
  if (options.json !== undefined) checkOutput('--json', options.json);
  const lines = await measure(chosen, options.short === true);
  if (options.json !== undefined) {
    const host = { node: process.version, cpu: cpus()[0]?.model ?? 'unknown', cpus: cpus().length };
    const contents = `${JSON.stringify({ short: options.short === true, host, lines }, null, 2)}\n`;
    writeOutput('--json', options.json, contents);
  }
  const missed = lines.filter(({ verdict }) => verdict === 'MISSED');
  const held = lines.filter(({ verdict }) => verdict === 'OK').length;
  const above = lines.filter(({ verdict }) => verdict === 'above').length;
  const allowed = options.short === true ? 'a short run allows' : 'the noise allows';
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

function benchCommand(): Command {
  return new Command('bench')
    .description('Measures what booting and allocating cost and compares with the bars. Without names: everything.')
    .usage('[options] [NAME ...]')
    .helpOption('--help', 'print this text and stop')
    .argument('[names...]', SECTIONS.map(({ name }) => name).join(' | '))
    .option(
      '--short',
      'for busy machines: fewer samples, no guests; only checks, and bars on ratios and memory (by 3 times), can fail',
    )
    .option('--json <file>', 'write every sample to this file too')
    .addOption(new Command().createOption('--one-boot').hideHelp())
    .addHelpText('after', EXAMPLES)
    .exitOverride();
}
