/** The options of `npm run log`: parsed and checked. */

import { Command, CommanderError } from 'commander';
import { EVENT_KINDS } from '#emulator/events/event-kinds.ts';
import { parseTime } from '#workbench/cli/quantities.ts';
import { refuseTakenByNpm } from '#workbench/cli/npm-options.ts';
import { InputError } from '#workbench/machine/input-error.ts';
import type { EventFilter } from './event-filter.ts';

/** What one call of the command asks for. */
export type LogRequest =
  /** Help was printed. */
  | { readonly action: 'done' }
  | {
      readonly action: 'timeline' | 'events' | 'follow' | 'stats' | 'diff' | 'golden' | 'update';
      readonly file: string;
      /** The second log of a comparison, or the golden log. */
      readonly other: string;
      readonly filter: EventFilter;
      readonly masks: readonly string[];
      readonly json: boolean;
    };

/** Values as commander collects them. */
interface RawOptions {
  readonly kind?: string[];
  readonly core?: number[];
  readonly from?: number;
  readonly to?: number;
  readonly grep?: RegExp;
  readonly events?: true;
  readonly follow?: true;
  readonly stats?: true;
  readonly diff?: string;
  readonly golden?: string;
  readonly update?: true;
  readonly mask?: string[];
  readonly json?: true;
}

const EXAMPLES = `
A log is written by "npm run boot -- --board NAME --log FILE"; --trace adds the loud kinds. Format and kinds: docs/event-log.md.

Examples:
  npm run log -- boot.log                              how long each stage took, panics, the end
  npm run log -- boot.log --kind memory                what the kernel did with memory
  npm run log -- boot.log --grep "mem_map|HEAP"        events whose line matches
  npm run log -- boot.log --from 25ms --to 26ms --core 0
  npm run log -- boot.log --stats                      how many events of which sort
  npm run log -- boot.log --follow                     while the boot runs in another terminal
  npm run log -- 8g.log --diff 2g.log                  what is different, and why
  npm run log -- boot.log --golden boot.golden --update --mask "*.t"
  npm run log -- boot.log --golden boot.golden         in a test: exit status 1 at the first difference

Masks: KIND (such events do not count), KIND.FIELD (any value is right; t and core are fields), KIND.FIELD~REGEX (what it matches may vary);
* stands for every kind. They are kept in the golden log.

Exit status: 0 done, logs are the same, or the golden log holds · 1 logs differ · 2 usage, or a file that cannot be read · 130 interrupted with Ctrl-C`;

/** @throws InputError for everything that a user can mend */
export function parseLogOptions(args: readonly string[]): LogRequest {
  const command = logCommand();
  refuseTakenByNpm(command, args);
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { action: 'done' };
    throw new InputError(`${error.message.replace(/^error: /, '')} (--help explains)`);
  }
  const raw = command.opts<RawOptions>();
  const [file] = command.args;
  if (file === undefined) throw new InputError('which log? "npm run log -- FILE" (--help explains)');
  const { kind: kinds, core: cores, from: fromNs, to: toNs, grep } = raw;
  if (fromNs !== undefined && toNs !== undefined && fromNs > toNs)
    throw new InputError('--from is later than --to: no event can be between them');
  return {
    action: actionOf(raw),
    file,
    other: raw.diff ?? raw.golden ?? '',
    filter: { kinds, cores, fromNs, toNs, grep },
    masks: raw.mask ?? [],
    json: raw.json === true,
  };
}

function actionOf(raw: RawOptions): Exclude<LogRequest['action'], 'done'> {
  const asked = (['follow', 'stats', 'diff', 'golden'] as const).filter((name) => raw[name] !== undefined);
  if (asked.length > 1) throw new InputError(`--${asked.join(' and --')}: one of them, not both`);
  if (raw.golden === undefined && (raw.update !== undefined || raw.mask !== undefined)) {
    throw new InputError(`${raw.update === undefined ? '--mask' : '--update'} goes with --golden FILE`);
  }
  if (raw.update === true) return 'update';
  const [action] = asked;
  if (action !== undefined) return action;
  const filtered = [raw.kind, raw.core, raw.from, raw.to, raw.grep].some((value) => value !== undefined);
  return filtered || raw.events === true ? 'events' : 'timeline';
}

function logCommand(): Command {
  const kinds = Object.entries(EVENT_KINDS)
    .map(([kind, { always, meaning }]) => `  ${kind.padEnd(15)}${always ? '        ' : '--trace '} ${meaning}`)
    .join('\n');
  return new Command('log')
    .description('Shows an event log: a timeline of the boot, or the events that the filters choose.')
    .usage('FILE [options]')
    .argument('[file]', 'what --log wrote')
    .helpOption('--help', 'print this text and stop')
    .option('--kind <list>', 'events of these kinds, comma-separated (below); may be repeated', kindList)
    .option('--core <list>', 'events of these cores', coreList)
    .option('--from <time>', 'events from this simulated time on: 25ms, 300us', (text) => timeOf('--from', text))
    .option('--to <time>', 'events until this simulated time', (text) => timeOf('--to', text))
    .option('--grep <regex>', 'events whose line in the file matches', grepOf)
    .option('--events', 'show every event instead of the timeline')
    .option('--follow', 'show events as they are written, until the run has ended')
    .option('--stats', 'count instead of showing')
    .option(
      '--diff <other>',
      'what is different in this other log: layout, panics, stages, and the first event that differs',
    )
    .option('--golden <file>', 'compare with this golden log')
    .option('--update', 'make the log the golden log')
    .option(
      '--mask <mask>',
      'what may vary beside what the golden log says; may be repeated',
      (mask: string, before?: string[]) => [...(before ?? []), mask],
    )
    .option('--json', 'for programs: JSON, or with events JSON lines as in the file')
    .addHelpText('after', `\nEvent kinds:\n${kinds}\n${EXAMPLES}`)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}

/**
 * @throws InputError for a kind that the table does not have: a misspelt one would show nothing,
 * which looks like an answer
 */
function kindList(list: string, before: string[] = []): string[] {
  const kinds = list.split(',').map((kind) => kind.trim());
  for (const kind of kinds) {
    if (!Object.hasOwn(EVENT_KINDS, kind)) {
      throw new InputError(
        `--kind ${list}: there is no kind "${kind}"; there are ${Object.keys(EVENT_KINDS).join(', ')}`,
      );
    }
  }
  return [...before, ...kinds];
}

function coreList(list: string, before: number[] = []): number[] {
  const cores = list.split(',').map((core) => (/^\s*\d+\s*$/.test(core) ? Number(core) : Number.NaN));
  if (cores.some((core) => Number.isNaN(core)))
    throw new InputError(`--core ${list}: not a list of core numbers; write 0 or 0,4`);
  return [...before, ...cores];
}

function timeOf(option: string, text: string): number {
  return /^0+$/.test(text) ? 0 : parseTime(option, text);
}

function grepOf(expression: string): RegExp {
  try {
    return new RegExp(expression, 'u');
  } catch (error) {
    throw new InputError(`--grep ${expression}: ${(error as Error).message}`);
  }
}
