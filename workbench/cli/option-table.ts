// SPDX-License-Identifier: GPL-2.0-only
/**
 * A command's options as a table: `{ maxInstructions: value('<n>', 'limit of …', parseCount) }` is
 * `--max-instructions <n>`, and the type of what is parsed follows from it.
 */

import { InputError } from '#workbench/input-error.ts';

/** One option whose value is a `T`. */
export interface OptionSpec<T> {
  /** Placeholder of the value: `<file>`, or `[port]` for an optional value; null for a switch. */
  readonly placeholder: string | null;
  /** For `--help`. */
  readonly meaning: string;
  /** The value where the option is not given. */
  readonly absent: T;
  /** The value after one more `text`. @throws InputError */
  take(this: void, option: string, text: string, before: T): T;
  /** The text used when the option is given without its optional `[placeholder]`. */
  readonly bare?: string;
  /** Not in `--help`: for the project's own child processes. */
  readonly hidden?: true;
  /** Title in `--help`. */
  readonly group?: string;
}

/** Keys are names in camel case. */
export type OptionTable = Readonly<Record<string, OptionSpec<unknown>>>;

/** Values parsed with a table. */
export type OptionValues<O extends OptionTable> = {
  readonly [K in keyof O]: O[K] extends OptionSpec<infer T> ? T : never;
};

/** @throws InputError that names the option, the text and the fix */
export type ParseValue<T> = (option: string, text: string) => T;

const asItIs: ParseValue<string> = (_option, text) => text;

/** A switch: true where it is given. */
export function flag(meaning: string): OptionSpec<boolean> {
  return { placeholder: null, meaning, absent: false, take: () => true };
}

/** An option with a text. */
export function text(placeholder: string, meaning: string): OptionSpec<string | undefined> {
  return value(placeholder, meaning, asItIs);
}

/** An option with a value that is parsed; the last one counts. */
export function value<T>(placeholder: string, meaning: string, parse: ParseValue<T>): OptionSpec<T | undefined> {
  return { placeholder, meaning, absent: undefined, take: (option, given) => parse(option, given) };
}

/** The same with a default value, which `--help` shows. */
export function valueOr<T>(placeholder: string, absent: T, meaning: string, parse: ParseValue<T>): OptionSpec<T> {
  return { placeholder, meaning: `${meaning}; default: ${String(absent)}`, absent, take: parse };
}

/** An option that may be repeated: all its values, in their order. */
export function repeated<T>(
  placeholder: string,
  meaning: string,
  parse: ParseValue<T>,
): OptionSpec<readonly T[] | undefined> {
  return {
    placeholder,
    meaning: `${meaning}; may be repeated`,
    absent: undefined,
    take: (option, given, before = []) => [...before, parse(option, given)],
  };
}

/** The options of a table under a title of their own in `--help`. */
export function titled<O extends OptionTable>(group: string, table: O): O {
  return Object.fromEntries(Object.entries(table).map(([name, spec]) => [name, { ...spec, group }])) as O;
}

/** One of a few words. */
export function oneOf<const W extends string>(words: readonly W[]): ParseValue<W> {
  return (option, given) => {
    const word = words.find((candidate) => candidate === given);
    if (word === undefined) throw new InputError(`${option} ${given}: write ${words.join(' or ')}`);
    return word;
  };
}

/** `maxInstructions` as users write it: `--max-instructions`. */
export function optionName(key: string): string {
  return `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}
