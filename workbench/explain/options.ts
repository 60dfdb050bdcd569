/**
 * The options of `npm run explain`: those of a boot that say what machine it is, when to ask, and
 * the question.
 */

import { Command } from 'commander';
import {
  addMachineOptions,
  machineSettings,
  parseWords,
  type RawMachineOptions,
  valueOf,
} from '#workbench/cli/machine-options.ts';
import { parseCount, parseTime } from '#workbench/cli/quantities.ts';
import type { MachineSettings, RunBounds } from '#workbench/machine/levitate-machine.ts';
import { type Moment, parseMoment } from './moment.ts';
import { parseQuestion, type Question, QUESTION_KINDS } from './questions.ts';

/** What one call asks for; null when help or the version was printed. */
export interface ExplainRequest {
  readonly settings: MachineSettings;
  readonly question: Question;
  readonly moment: Moment;
  readonly bounds: RunBounds;
  readonly json: boolean;
  readonly showSerial: boolean;
}

interface RawOptions extends RawMachineOptions {
  readonly at?: Moment;
  readonly timeout?: number;
  readonly maxInstructions?: number;
  readonly json?: true;
  readonly showSerial?: true;
}

/** A guest that never comes to rest is asked after this much simulated time. */
const DEFAULT_TIMEOUT_NS = 10e9;

const EXAMPLES = `
Examples:
  npm run explain -- --board pixel6 memory                       who has which part of RAM
  npm run explain -- --board pixel6 frame 0x94000000             why this frame is not free
  npm run explain -- --board pixel6 va 0xffff80009f000000        what the MMU does with this address
  npm run explain -- --board pixel6 --at stage3 buddy            the allocator when stage 3 begins
  npm run explain -- --board pixel6 --dtb my.dtb mem_map         why a tree of one's own panics
  npm run explain -- --board qemu-virt --at 20ms --json tables   the page tables after 20 ms, for a program
  npm run explain -- --board qemu-virt --kernel Image --timeout 2s tables

A boot that panics can be asked like any other. Nothing of the serial line is shown without --show-serial.
What only the modelled kernel can tell (mem_map, buddy) is not known of other guests; walks, tables, devices and touched memory are.

Exit status: 0 answered · 1 not known of this guest, or at this moment, and why · 2 usage, board or input error · 70 a fault of the emulator itself`;

/**
 * @param args the words after the command, @param version of the package
 * @throws InputError for everything that a user can mend
 */
export function parseExplainOptions(args: readonly string[], version: string): ExplainRequest | null {
  const command = explainCommand(version);
  if (!parseWords(command, args)) return null;
  const raw = command.opts<RawOptions>();
  const question = parseQuestion(command.args);
  const settings = machineSettings(raw);
  return {
    // Who took which block is known from the allocator's own events alone.
    settings: { ...settings, trace: [...new Set([...(settings.trace ?? []), 'buddy' as const])] },
    question,
    moment: raw.at ?? { kind: 'end' },
    bounds: { timeoutNs: raw.timeout ?? DEFAULT_TIMEOUT_NS, maxInstructions: raw.maxInstructions },
    json: raw.json === true,
    showSerial: raw.showSerial === true,
  };
}

function explainCommand(version: string): Command {
  const questions = QUESTION_KINDS.map(({ name, argument, meaning }) => {
    const words = argument === null ? name : `${name} ${argument}`;
    return `  ${words.padEnd(12)} ${meaning}`;
  });
  const command = new Command('explain')
    .description('Boots a board and explains its memory: a frame, an address, the allocator, the page tables.')
    .usage('--board NAME [options] QUESTION')
    .version(`levitate-emulator ${version}`, '--version', 'print the version and stop')
    .helpOption('--help', 'print this text and stop')
    .argument('[question...]', 'one of those below')
    .option(
      '--at <moment>',
      'when to ask: a time (20ms), a number of instructions, a stage (stage3, "boot console"); default: the end',
      parseMoment,
    )
    .option('--json', 'the answer as JSON, complete')
    .option('--show-serial', 'what the guest printed until then, on stderr')
    .option(
      '--timeout <time>',
      'simulated time after which the boot counts as ended; default: 10s',
      valueOf(parseTime, '--timeout'),
    )
    .option('--max-instructions <n>', 'the same in instructions', valueOf(parseCount, '--max-instructions'));
  return addMachineOptions(command)
    .addHelpText('after', `\nQuestions:\n${questions.join('\n')}\n${EXAMPLES}`)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}
