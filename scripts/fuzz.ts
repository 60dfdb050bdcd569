/**
 * `npm run fuzz`: random instructions on random machines. No limit may be missed, and the emulator
 * may neither crash nor report a fault of its own.
 *
 *     npm run fuzz -- [--seed N] [--words N]        a campaign from seed N on
 *     npm run fuzz -- --replay FILE                 a plan again, as a campaign prints it
 *
 * Exit status: 0 nothing went wrong · 1 something did · 2 usage.
 */

import { readFileSync, writeSync } from 'node:fs';
import { Command, CommanderError, InvalidArgumentError } from 'commander';
import { refuseTakenByNpm } from '#workbench/cli/npm-options.ts';
import { tellFailure } from '#workbench/cli/command-failure.ts';
import { probeEngineVersion } from '#emulator/engine/unicorn.ts';
import { type CampaignResult, type Fault, minimise, runCampaign } from './fuzz/campaign.ts';
import { type FuzzPlan, planOf, wordsOf } from './fuzz/plan.ts';
import { runTrial } from './fuzz/trial.ts';
import { locateEngine } from '#workbench/engine-library/engine-library.ts';

const EXIT_FAULTS = 1;
const EXIT_USAGE = 2;
const DEFAULT_WORDS = 1_000_000;
/** Faults whose plans are made smaller: each takes a while. */
const MOST_MINIMISED = 5;

const EXAMPLES = `
Examples:
  npm run fuzz                              a million instruction words, from seed 1
  npm run fuzz -- --seed 7000 --words 5000  a short look elsewhere
  npm run fuzz -- --replay plan.json        what a campaign printed, once more

Exit status: 0 nothing went wrong · 1 something did · 2 usage`;

interface FuzzOptions {
  readonly seed: number;
  readonly words: number;
  readonly replay?: string;
  readonly trials?: string;
}

export async function main(args: readonly string[]): Promise<number> {
  const command = fuzzCommand();
  try {
    refuseTakenByNpm(command, args);
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) return tellFailure('fuzz', error);
    return error.exitCode === 0 ? 0 : EXIT_USAGE;
  }
  const options = command.opts<FuzzOptions>();
  if (options.trials !== undefined) return runTrials(options.trials);
  if (options.replay !== undefined) return replay(options.replay);
  const result = await runCampaign(options.seed, options.words, (soFar) => {
    process.stderr.write(`${summary(soFar)}\n`);
  });
  process.stdout.write(`seeds ${options.seed} to ${options.seed + result.trials - 1}: ${summary(result)}\n`);
  for (const fault of result.faults.slice(0, MOST_MINIMISED)) report(fault);
  return result.faults.length === 0 ? 0 : EXIT_FAULTS;
}

function summary({ trials, words, faults }: CampaignResult): string {
  const count = (kind: Fault['kind']) => faults.filter((fault) => fault.kind === kind).length;
  const wrong = `${count('hang')} hangs, ${count('crash')} crashes, ${count('fault')} faults`;
  const seeds = faults.length === 0 ? '' : ` (seeds ${faults.map(({ seed }) => seed).join(', ')})`;
  return `${trials} trials, ${words} words: ${wrong}${seeds}`;
}

function report(fault: Fault): void {
  process.stdout.write(`\nseed ${fault.seed}, ${fault.kind}: ${fault.detail}\n`);
  const plan = minimise(planOf(fault.seed));
  process.stdout.write(
    plan === null ? 'it does not happen when the seed is tried alone\n' : `${JSON.stringify(plan)}\n`,
  );
}

/**
 * In a process of its own: trials by seed, a line at the begin and the end of each. Written at
 * once, because the process may not live long.
 */
function runTrials(range: string): number {
  const [first = 0, count = 0] = range.split(',').map(Number);
  const library = locateEngine(probeEngineVersion).path;
  for (let seed = first; seed < first + count; seed++) {
    const plan = planOf(seed);
    writeSync(1, `begin ${seed}\n`);
    try {
      runTrial(plan, library);
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      writeSync(1, `fault ${seed} ${reason.replaceAll(/\s+/g, ' ')}\n`);
    }
    writeSync(1, `done ${seed} ${wordsOf(plan)}\n`);
  }
  return 0;
}

function replay(file: string): number {
  let plan: FuzzPlan;
  try {
    plan = JSON.parse(readFileSync(file, 'utf8')) as FuzzPlan;
  } catch (error) {
    process.stderr.write(`fuzz --replay ${file}: ${error instanceof Error ? error.message : String(error)}\n`);
    return EXIT_USAGE;
  }
  try {
    runTrial(plan, locateEngine(probeEngineVersion).path, (site) => {
      writeSync(2, `site ${site} ${JSON.stringify(plan.sites[site])}\n`);
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT_FAULTS;
  }
  return 0;
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError('a whole number is wanted.');
  return value;
}

function fuzzCommand(): Command {
  return new Command('fuzz')
    .description(
      'Executes random instructions on random machines and looks for hangs, crashes and faults of the emulator.',
    )
    .usage('[options]')
    .helpOption('--help', 'print this text and stop')
    .option('--seed <n>', 'the first seed; each trial has the next one', wholeNumber, 1)
    .option('--words <n>', 'instruction words to execute', wholeNumber, DEFAULT_WORDS)
    .option('--replay <file>', 'execute the plan in this file, as a campaign prints it')
    .addOption(new Command().createOption('--trials <range>').hideHelp())
    .addHelpText('after', EXAMPLES)
    .exitOverride();
}
