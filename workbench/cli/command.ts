// SPDX-License-Identifier: GPL-2.0-only
/**
 * The frame of every command: from its definition to the `main` that the launcher calls.
 *
 * ```
 *   main(args) ─▶ --help, --version           status 0
 *              ─▶ words that make no sense    status 2: the word and the fix, on stderr
 *              ─▶ run(call)                   its own status
 *                   throws InputError, …      status 2: what the user, or the system, can mend
 *                   throws anything else      status 70 with a stack: also from a callback
 *              ─▶ stdout cannot be written    status 2: its reader has gone, the disk is full
 * ```
 * Ctrl-C and SIGTERM end a command, unless it asks for {@link Call.interrupt} and ends by itself.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command, CommanderError, Option } from 'commander';
import { InputError } from '#workbench/input-error.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { printFailure, printUnwritten } from './command-failure.ts';
import { refuseTakenByNpm } from './npm-options.ts';
import { optionName, type OptionTable, type OptionValues } from './option-table.ts';

/**
 * 128 + SIGINT, as shells report it: the command was ended early through {@link Call.interrupt}.
 */
export const EXIT_INTERRUPTED = 130;

/** Definition of a command. */
export interface CommandDefinition<O extends OptionTable> {
  /** Name of its file, and of its script in package.json. */
  readonly name: string;
  /** Its purpose, a sentence or two. */
  readonly summary: string;
  /** Its arguments, for people: "FILE [options]". */
  readonly usage: string;
  /**
   * Arguments other than options, in commander's notation (`[file]`, `[names...]`), with their
   * meaning.
   */
  readonly operands?: readonly [syntax: string, meaning: string];
  readonly options: O;
  /** Parts of `--help` after the options: a title and lines. */
  readonly details?: Readonly<Record<string, readonly string[]>>;
  /** Complete command lines, with notes where needed. */
  readonly examples: readonly (readonly [line: string, note?: string])[];
  /** Meaning of exit statuses; 2 and 70 have theirs already. */
  readonly statuses: Readonly<Record<number, string>>;
  /** @returns the exit status */
  readonly run: (call: Call<O>) => number | Promise<number>;
}

/** The request of one call. */
export interface Call<O extends OptionTable> {
  readonly options: OptionValues<O>;
  /** Words beside options. */
  readonly words: readonly string[];
  /**
   * Aborted at the first Ctrl-C or SIGTERM after it was first read; the second one ends the
   * process. Only for commands that let the event loop run.
   */
  readonly interrupt: AbortSignal;
}

const SHARED_STATUSES = { 2: 'usage, or an input that cannot be used', 70: 'a fault of the emulator itself' };

/** The `main` of a command: takes the words after its name, resolves to the exit status. */
export function commandMain<O extends OptionTable>(
  definition: CommandDefinition<O>,
): (args: readonly string[]) => Promise<number> {
  const { name } = definition;
  return async (args) => {
    guardProcess(name);
    const signals = new Signals();
    try {
      const parsed = parseCommand(definition, args);
      if (parsed === null) return 0;
      return await definition.run({
        ...parsed,
        get interrupt() {
          return signals.interrupt;
        },
      });
    } catch (error) {
      return printFailure(name, error);
    } finally {
      signals.release();
    }
  };
}

/**
 * @returns null when help or the version was asked for, and printed
 * @throws InputError naming the word, and the fix
 */
export function parseCommand<O extends OptionTable>(
  definition: Omit<CommandDefinition<O>, 'run'>,
  args: readonly string[],
): Pick<Call<O>, 'options' | 'words'> | null {
  refuseTakenByNpm(definition.name, definition.options, args);
  const command = declare(definition);
  try {
    command.parse([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    const problem = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    throw new InputError(`${problem} (--help explains)`);
  }
  const given = command.opts<Record<string, unknown>>();
  const options = Object.entries(definition.options).map(([key, { absent, take, bare }]) => {
    // commander gives true for an option whose optional value is left out.
    const isBare = bare !== undefined && given[key] === true;
    return [key, isBare ? take(optionName(key), bare, absent) : (given[key] ?? absent)];
  });
  return { options: Object.fromEntries(options) as OptionValues<O>, words: command.args };
}

function declare({ name, summary, usage, operands, options, ...help }: Omit<CommandDefinition<OptionTable>, 'run'>) {
  const command = new Command(name)
    .description(summary)
    .usage(usage)
    .version(packageVersion(), '--version', 'print the version and stop')
    .helpOption('--help', 'print this text and stop')
    .addHelpText('after', helpText(help))
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  if (operands !== undefined) command.argument(...operands);
  for (const [key, { placeholder, meaning, absent, take, hidden, group }] of Object.entries(options)) {
    const long = optionName(key);
    const option = new Option(placeholder === null ? long : `${long} ${placeholder}`, meaning);
    if (placeholder !== null) option.argParser<unknown>((given, before) => take(long, given, before ?? absent));
    if (group !== undefined) option.helpGroup(`${group}:`);
    command.addOption(option.hideHelp(hidden === true));
  }
  return command;
}

/** The help after the options: details, examples, exit statuses. */
function helpText({
  details,
  examples,
  statuses,
}: Pick<CommandDefinition<OptionTable>, 'details' | 'examples' | 'statuses'>): string {
  const column = Math.max(...examples.filter(([, note]) => note !== undefined).map(([line]) => line.length));
  const parts = {
    ...details,
    Examples: examples.map(([line, note]) => (note === undefined ? line : `${line.padEnd(column)}  ${note}`)),
    'Exit status': Object.entries({ ...SHARED_STATUSES, ...statuses }).map(
      ([status, meaning]) => `${status.padStart(3)} ${meaning}`,
    ),
  };
  return Object.entries(parts)
    .map(([title, lines]) => `\n${title}:\n${lines.map((line) => `  ${line}\n`).join('')}`)
    .join('')
    .trimEnd();
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  return `levitate-emulator ${version}`;
}

/** Errors outside of `run`: on the standard streams, and in callbacks. */
function guardProcess(name: string): void {
  // A reader that has gone (`npm run boot … | head`), or a full disk: an incomplete output must not
  // look complete.
  process.stdout.on('error', (error) => process.exit(printUnwritten(name, 'standard output', error)));
  // Nowhere is left to say it.
  process.stderr.on('error', () => process.exit(2));
  process.on('uncaughtException', (error) => process.exit(printFailure(name, error)));
}

/** Ctrl-C and SIGTERM, caught from the first read of `interrupt`. */
class Signals {
  private readonly controller = new AbortController();
  private readonly abort = (): void => this.controller.abort();
  private caught = false;

  get interrupt(): AbortSignal {
    if (!this.caught) {
      this.caught = true;
      process.once('SIGINT', this.abort);
      process.once('SIGTERM', this.abort);
    }
    return this.controller.signal;
  }

  release(): void {
    process.removeListener('SIGINT', this.abort);
    process.removeListener('SIGTERM', this.abort);
  }
}
