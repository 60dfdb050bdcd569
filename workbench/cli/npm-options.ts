// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run boot --board pixel6`: without the "--" that ends npm's own options, npm takes `--board`
 * for itself. The command then gets only "pixel6", or with `--board=pixel6` nothing, and would do
 * the wrong thing. npm reports the option in the environment: npm_config_board.
 */

import { InputError } from '#workbench/input-error.ts';
import { optionName, type OptionTable } from './option-table.ts';

/** Names of npm's own options: they may be in its configuration for npm itself. */
const NPM_OWN: ReadonlySet<string> = new Set(['help', 'json', 'quiet', 'save', 'version']);

/** @throws InputError when npm has taken `options` of `command`, with the line to write instead */
export function refuseTakenByNpm(
  command: string,
  options: OptionTable,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): void {
  if (environment['npm_lifecycle_event'] !== command) return;
  const taken = Object.entries(options).flatMap(([key, { placeholder }]) => {
    const name = optionName(key);
    const given = environment[`npm_config_${name.slice(2).replaceAll('-', '_')}`];
    if (given === undefined || given === '' || NPM_OWN.has(key)) return [];
    // npm gives "true" for an option that it took without a value.
    return [placeholder === null || given === 'true' ? [name] : [name, given]];
  });
  const [first] = taken;
  if (first === undefined) return;
  const names = taken.map(([name]) => name);
  // Options cannot be matched with their words when the order is unknown.
  const words = taken.length > 1 ? names.map((name) => `${name} …`) : [...first, ...args];
  throw new InputError(
    `npm took ${names.join(' and ')} for itself; options of the command go after "--": npm run ${command} -- ${words.join(' ')}`,
  );
}
