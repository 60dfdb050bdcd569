// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run boot --board pixel6`: without the "--" that ends npm's own options, npm takes `--board`
 * for itself. The command gets "pixel6" alone, or with `--board=pixel6` nothing at all, and would
 * do something else than was asked. npm tells it in the environment: npm_config_board.
 */

import { InputError } from '#workbench/input-error.ts';
import { optionName, type OptionTable } from './option-table.ts';

/** Names that npm knows too: they may be in its configuration for its own sake. */
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
    // npm says "true" where it took the name alone.
    return [placeholder === null || given === 'true' ? [name] : [name, given]];
  });
  const [first] = taken;
  if (first === undefined) return;
  const names = taken.map(([name]) => name);
  // Options cannot be matched with their words when the order is unknown.
  const words = taken.length > 1 ? names.map((name) => `${name} …`) : [...first, ...args];
  throw new InputError(
    `npm took ${names.join(' and ')} for itself; options of the command stand behind "--": npm run ${command} -- ${words.join(' ')}`,
  );
}
