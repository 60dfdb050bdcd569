// SPDX-License-Identifier: GPL-2.0-only
/**
 * The options of `npm run explain`: those of a boot that say what machine it is, when to ask, and
 * the question.
 */

import type { CommandDefinition } from '#workbench/cli/command.ts';
import { MACHINE_OPTIONS, machineSettings } from '#workbench/cli/machine-options.ts';
import { flag, type OptionValues, titled, value } from '#workbench/cli/option-table.ts';
import { parseCount, parseTime } from '#workbench/cli/quantities.ts';
import type { MachineSettings, RunBounds } from '#workbench/machine/levitate-machine.ts';
import { type RunPoint, parseRunPoint } from './run-point.ts';
import { parseQuestion, type Question, QUESTION_KINDS } from './questions.ts';

/** The request of one call. */
export interface ExplainRequest {
  readonly settings: MachineSettings;
  readonly question: Question;
  readonly point: RunPoint;
  readonly bounds: RunBounds;
  readonly json: boolean;
  readonly showSerial: boolean;
}

/** A guest that never comes to rest is asked after this much simulated time. */
const DEFAULT_TIMEOUT_NS = 10e9;

const OPTIONS = {
  ...titled('Question', {
    at: value(
      '<moment>',
      'when to ask: a time (20ms), a number of instructions, a stage (stage3, "boot console"); default: the end',
      (_option, point) => parseRunPoint(point),
    ),
    timeout: value('<time>', 'simulated time after which the boot counts as ended; default: 10s', parseTime),
    maxInstructions: value('<n>', 'the same in instructions', parseCount),
    json: flag('the answer as JSON, complete'),
    showSerial: flag('what the guest printed until then, on stderr'),
  }),
  ...MACHINE_OPTIONS,
};

export const EXPLAIN = {
  name: 'explain',
  summary: 'Boots a board and explains its memory: a frame, an address, the allocator, the page tables.',
  usage: '--board NAME [options] QUESTION',
  operands: ['[question...]', 'one of those below'],
  options: OPTIONS,
  details: {
    Questions: QUESTION_KINDS.map(({ name, argument, meaning }) => {
      const words = argument === null ? name : `${name} ${argument}`;
      return `${words.padEnd(12)} ${meaning}`;
    }),
    'What is known': [
      'A boot that panics can be asked like any other. Nothing of the serial line is shown without --show-serial.',
      'What only the modelled kernel can tell (mem_map, buddy) is not known of other guests;',
      'walks, tables, devices and touched memory are.',
    ],
  },
  examples: [
    ['npm run explain -- --board pixel6 memory', 'who has which part of RAM'],
    ['npm run explain -- --board pixel6 frame 0x94000000', 'why this frame is not free'],
    ['npm run explain -- --board pixel6 va 0xffff80009f000000', 'what the MMU does with this address'],
    ['npm run explain -- --board pixel6 --at stage3 buddy', 'the allocator when stage 3 begins'],
    ['npm run explain -- --board pixel6 --dtb my.dtb mem_map', 'why this tree panics'],
    ['npm run explain -- --board qemu-virt --at 20ms --json tables', 'the page tables after 20 ms, for a program'],
    ['npm run explain -- --board qemu-virt --kernel Image --timeout 2s tables'],
  ],
  statuses: {
    0: 'answered',
    1: 'not known of this guest, or at this moment, and why',
    2: 'usage, board or input error',
  },
} as const satisfies Omit<CommandDefinition<typeof OPTIONS>, 'run'>;

/** @throws InputError for everything that a user can mend */
export function explainRequest(options: OptionValues<typeof OPTIONS>, words: readonly string[]): ExplainRequest {
  const question = parseQuestion(words);
  const settings = machineSettings(options);
  return {
    // Only the allocator's own events say who took which block.
    settings: { ...settings, trace: [...new Set([...(settings.trace ?? []), 'buddy' as const])] },
    question,
    point: options.at ?? { kind: 'end' },
    bounds: { timeoutNs: options.timeout ?? DEFAULT_TIMEOUT_NS, maxInstructions: options.maxInstructions },
    json: options.json,
    showSerial: options.showSerial,
  };
}
