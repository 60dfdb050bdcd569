// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run fuzz`: random instructions on random machines. Every limit must hold, and the emulator
 * must not crash or report a fault of its own.
 */

import { writeSync } from 'node:fs';
import { commandMain } from '#workbench/cli/command.ts';
import { flag, text, value, valueOr } from '#workbench/cli/option-table.ts';
import { wholeNumber } from '#workbench/cli/quantities.ts';
import { probeEngineVersion } from '#emulator/engine/unicorn.ts';
import { type CampaignResult, type Fault, minimise, runCampaign } from './fuzz/campaign.ts';
import { compareRows, InstructionComparison } from './fuzz/instruction-comparison.ts';
import { type FuzzPlan, planOf, wordsOf } from './fuzz/plan.ts';
import { runTrial } from './fuzz/trial.ts';
import { a64Cores } from '#emulator/a64/cores.ts';
import { CORTEX_A72 } from '#emulator/a64/core-types.ts';
import type { CoreFactory } from '#emulator/cpu/machine-core.ts';
import { chooseCores } from '#host/cores.ts';
import { readInputFile } from '#workbench/files/input-file.ts';
import { type EngineName, engineName } from '#workbench/host/engine-name.ts';
import { InputError } from '#workbench/input-error.ts';
import { locateEngine } from '#workbench/engine-library/engine-library.ts';

const EXIT_FAULTS = 1;
const DEFAULT_WORDS = 1_000_000;
/** Number of faults whose plans are made smaller, because each takes a while. */
const MOST_MINIMISED = 5;

export const main = commandMain({
  name: 'fuzz',
  summary: 'Executes random instructions on random machines and looks for hangs, crashes and faults of the emulator.',
  usage: '[options]',
  options: {
    seed: valueOr('<n>', 1, 'the first seed; each trial has the next one', wholeNumber(0, Number.MAX_SAFE_INTEGER)),
    words: valueOr('<n>', DEFAULT_WORDS, 'instruction words to execute', wholeNumber(0, Number.MAX_SAFE_INTEGER)),
    replay: value('<file>', 'execute the plan in this file, as a campaign prints it', readPlan),
    engine: valueOr('<name>', 'auto', 'auto, unicorn, or wasm: the own core', (option, name) =>
      engineName(name, option),
    ),
    compare: flag("compare the instructions of the own core with Unicorn's instead"),
    translated: flag('with --compare: the own core translates each instruction; else it interprets them'),
    trials: { ...text('<range>', 'trials in this process, for the campaign itself'), hidden: true },
  },
  examples: [
    ['npm run fuzz', 'a million instruction words, from seed 1'],
    ['npm run fuzz -- --seed 7000 --words 5000', 'a short look elsewhere'],
    ['npm run fuzz -- --engine wasm', 'the same on the own core, interpreted and translated in turn'],
    ['npm run fuzz -- --replay plan.json', 'what a campaign printed, once more'],
    ['npm run fuzz -- --compare --words 10000000', "the own core's instructions against Unicorn's"],
  ],
  statuses: { 0: 'nothing went wrong', 1: 'something did' },
  async run({ options: { seed, words, replay, engine, compare, translated, trials } }) {
    if (trials !== undefined) return runTrials(trials, engine);
    if (replay !== undefined) return replayPlan(replay, engine);
    if (compare) return compareEngines(seed, words, translated);
    const progress = (soFar: CampaignResult) => process.stderr.write(`${summary(soFar)}\n`);
    const result = await runCampaign(seed, words, progress, { engine });
    process.stdout.write(`seeds ${seed} to ${seed + result.trials - 1}: ${summary(result)}\n`);
    for (const fault of result.faults.slice(0, MOST_MINIMISED)) report(fault, engine);
    return result.faults.length === 0 ? 0 : EXIT_FAULTS;
  },
});

function compareEngines(seed: number, words: number, translated: boolean): number {
  const comparison = new InstructionComparison(locateEngine(probeEngineVersion).path, translated);
  try {
    const { words: tried, differences, counts } = compareRows(comparison, seed, words);
    for (const [{ name }, count] of counts) process.stdout.write(`${String(count).padStart(9)}  ${name}\n`);
    for (const difference of differences) process.stdout.write(`${difference}\n`);
    process.stdout.write(`seed ${seed}: ${tried} words, ${differences.length} differences\n`);
    return differences.length === 0 ? 0 : EXIT_FAULTS;
  } finally {
    comparison.close();
  }
}

function summary({ trials, words, faults }: CampaignResult): string {
  const count = (kind: Fault['kind']) => faults.filter((fault) => fault.kind === kind).length;
  const wrong = `${count('hang')} hangs, ${count('crash')} crashes, ${count('fault')} faults`;
  const seeds = faults.length === 0 ? '' : ` (seeds ${faults.map(({ seed }) => seed).join(', ')})`;
  return `${trials} trials, ${words} words: ${wrong}${seeds}`;
}

function report(fault: Fault, engine: EngineName): void {
  process.stdout.write(`\nseed ${fault.seed}, ${fault.kind}: ${fault.detail}\n`);
  const plan = minimise(planOf(fault.seed), engine);
  process.stdout.write(
    plan === null ? 'it does not happen when the seed is tried alone\n' : `${JSON.stringify(plan)}\n`,
  );
}

/**
 * In a process of its own: trials by seed, a line at the begin and the end of each. Written at
 * once, because the process may not live long.
 */
function runTrials(range: string, engine: EngineName): number {
  const [first = 0, count = 0] = range.split(',').map(Number);
  for (let seed = first; seed < first + count; seed++) {
    const plan = planOf(seed);
    writeSync(1, `begin ${seed}\n`);
    try {
      runTrial(plan, coresFor(plan, engine));
    } catch (error) {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
      writeSync(1, `fault ${seed} ${reason.replaceAll(/\s+/g, ' ')}\n`);
    }
    writeSync(1, `done ${seed} ${wordsOf(plan)}\n`);
  }
  return 0;
}

function coresFor({ translated }: FuzzPlan, engine: EngineName): CoreFactory {
  const { cores, library } = chooseCores({ engine });
  return library === null ? a64Cores({ hotAfter: translated === true ? 0 : Infinity, type: CORTEX_A72 }) : cores;
}

function readPlan(option: string, file: string): FuzzPlan {
  try {
    return JSON.parse(Buffer.from(readInputFile(option, file)).toString()) as FuzzPlan;
  } catch (error) {
    if (error instanceof SyntaxError) throw new InputError(`${option} ${file}: ${error.message}`);
    throw error;
  }
}

function replayPlan(plan: FuzzPlan, engine: EngineName): number {
  try {
    runTrial(plan, coresFor(plan, engine), (site) => {
      writeSync(2, `site ${site} ${JSON.stringify(plan.sites[site])}\n`);
    });
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT_FAULTS;
  }
  return 0;
}
