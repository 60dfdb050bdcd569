// SPDX-License-Identifier: GPL-2.0-only
/** The options of `npm run log`: declared and checked. */

import { EVENT_KINDS } from '#workbench/machine/event-kinds.ts';
import type { CommandDefinition } from '#workbench/cli/command.ts';
import { flag, type OptionValues, repeated, text, titled, value } from '#workbench/cli/option-table.ts';
import { parseInstant } from '#workbench/cli/quantities.ts';
import { InputError } from '#workbench/input-error.ts';
import type { EventFilter } from './read-event-log.ts';

/** The request of one call of the command. */
export interface LogRequest {
  readonly action: 'timeline' | 'events' | 'follow' | 'stats' | 'diff' | 'golden' | 'update' | 'perfetto';
  readonly file: string;
  /** The second log of a comparison, the golden log, or the trace. */
  readonly other: string;
  readonly filter: EventFilter;
  readonly masks: readonly string[];
  readonly json: boolean;
}

const OPTIONS = {
  ...titled('Which events', {
    kind: repeated('<list>', 'events of these kinds, comma-separated (below)', parseKinds),
    core: repeated('<list>', 'events of these cores: 0 or 0,4', parseCores),
    from: value('<time>', 'events from this simulated time on: 25ms, 300us', parseInstant),
    to: value('<time>', 'events until this simulated time', parseInstant),
    grep: value('<regex>', 'events whose line in the file matches', parseRegex),
  }),
  ...titled('What to do', {
    events: flag('show every event instead of the timeline'),
    follow: flag('show events as they are written, until the run has ended'),
    stats: flag('count instead of showing'),
    diff: text('<other>', 'what is different in this other log: layout, panics, stages, the first event that differs'),
    golden: text('<file>', 'compare with this golden log'),
    update: flag('make the log the golden log'),
    mask: repeated('<mask>', 'what may vary beside what the golden log says', (_option, mask) => mask),
    perfetto: text('<trace>', 'write it as a trace (JSON) that ui.perfetto.dev shows'),
    json: flag('for programs: JSON, or with events JSON lines as in the file'),
  }),
};

type LogOptions = OptionValues<typeof OPTIONS>;

export const LOG = {
  name: 'log',
  summary: 'Shows an event log: a timeline of the boot, or the events that the filters choose.',
  usage: 'FILE [options]',
  operands: ['[file]', 'what --log wrote'],
  options: OPTIONS,
  details: {
    'Event kinds': Object.entries(EVENT_KINDS).map(
      ([kind, { always, meaning }]) => `${kind.padEnd(15)}${always ? '        ' : '--trace '} ${meaning}`,
    ),
    'Making a log': [
      'npm run boot -- --board NAME --log FILE writes one; --trace adds the loud kinds. More: docs/event-log.md',
    ],
    Masks: [
      'KIND              such events do not count',
      'KIND.FIELD        any value is right; t and core are fields',
      'KIND.FIELD~REGEX  what it matches may vary',
      '* stands for every kind. Masks are kept in the golden log.',
    ],
  },
  examples: [
    ['npm run log -- boot.log', 'how long each stage took, panics, the end'],
    ['npm run log -- boot.log --kind memory', 'what the kernel did with memory'],
    ['npm run log -- boot.log --grep "mem_map|HEAP"', 'events whose line matches'],
    ['npm run log -- boot.log --from 25ms --to 26ms --core 0'],
    ['npm run log -- boot.log --stats', 'how many events of which sort'],
    ['npm run log -- boot.log --follow', 'while the boot runs in another terminal'],
    ['npm run log -- 8g.log --diff 2g.log', 'what is different, and why'],
    ['npm run log -- boot.log --perfetto boot.json', 'lanes for cores, stages, interrupts, MMIO'],
    ['npm run log -- boot.log --golden boot.golden --update --mask "*.t"'],
    ['npm run log -- boot.log --golden boot.golden', 'in a test: exit status 1 at the first difference'],
  ],
  statuses: {
    0: 'done, logs are the same, or the golden log holds',
    1: 'logs differ',
    2: 'usage, or a file that cannot be read',
    130: 'interrupted with Ctrl-C',
  },
} as const satisfies Omit<CommandDefinition<typeof OPTIONS>, 'run'>;

/** @throws InputError for everything that a user can mend */
export function logRequest(options: LogOptions, [file]: readonly string[]): LogRequest {
  if (file === undefined) throw new InputError('which log? "npm run log -- FILE" (--help explains)');
  const { kind, core, from: fromNs, to: toNs, grep } = options;
  if (fromNs !== undefined && toNs !== undefined && fromNs > toNs) {
    throw new InputError('--from is later than --to: no event can be between them');
  }
  return {
    action: actionOf(options),
    file,
    other: options.diff ?? options.golden ?? options.perfetto ?? '',
    filter: { kinds: kind?.flat(), cores: core?.flat(), fromNs, toNs, grep },
    masks: options.mask ?? [],
    json: options.json,
  };
}

function actionOf(options: LogOptions): LogRequest['action'] {
  const { golden, update, mask, kind, core, from, to, grep, events } = options;
  const asked = (['follow', 'stats', 'diff', 'golden', 'perfetto'] as const).filter(
    (name) => options[name] !== undefined && options[name] !== false,
  );
  if (asked.length > 1) throw new InputError(`--${asked.join(' and --')}: one of them, not both`);
  if (golden === undefined && (update || mask !== undefined)) {
    throw new InputError(`${update ? '--update' : '--mask'} goes with --golden FILE`);
  }
  if (update) return 'update';
  const [action] = asked;
  if (action !== undefined) return action;
  return events || [kind, core, from, to, grep].some((given) => given !== undefined) ? 'events' : 'timeline';
}

/**
 * @throws InputError for a kind that the table does not have: a misspelt one would show nothing,
 * which looks like an answer
 */
function parseKinds(option: string, list: string): string[] {
  const kinds = list.split(',').map((kind) => kind.trim());
  for (const kind of kinds) {
    if (!Object.hasOwn(EVENT_KINDS, kind)) {
      throw new InputError(
        `${option} ${list}: there is no kind "${kind}"; there are ${Object.keys(EVENT_KINDS).join(', ')}`,
      );
    }
  }
  return kinds;
}

function parseCores(option: string, list: string): number[] {
  const cores = list.split(',').map((core) => (/^\s*\d+\s*$/.test(core) ? Number(core) : Number.NaN));
  if (cores.some((core) => Number.isNaN(core))) {
    throw new InputError(`${option} ${list}: not a list of core numbers; write 0 or 0,4`);
  }
  return cores;
}

function parseRegex(option: string, expression: string): RegExp {
  try {
    return new RegExp(expression, 'u');
  } catch (error) {
    throw new InputError(`${option} ${expression}: ${(error as Error).message}`);
  }
}
