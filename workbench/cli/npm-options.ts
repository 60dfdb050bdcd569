/**
 * `npm run boot --board pixel6`: without the "--" that ends npm's own options, npm takes `--board`
 * for itself. The command gets "pixel6" alone, or with `--board=pixel6` nothing at all, and would
 * do something else than was asked. npm tells it in the environment: npm_config_board.
 */

import type { Command } from 'commander';
import { InputError } from '#workbench/machine/input-error.ts';

/** Names that npm knows too: they may be in its configuration for its own sake. */
const NPM_OWN: ReadonlySet<string> = new Set(['help', 'json', 'quiet', 'save', 'version']);

/** @throws InputError when npm has taken options of `command`, with the line to write instead */
export function refuseTakenByNpm(
  command: Command,
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): void {
  if (environment['npm_lifecycle_event'] !== command.name()) return;
  const taken = command.options.flatMap(({ long, required, optional }) => {
    const name = long?.slice(2) ?? '';
    const value = environment[`npm_config_${name.replaceAll('-', '_')}`];
    if (value === undefined || value === '' || NPM_OWN.has(name)) return [];
    return [{ name, value: required || optional ? value : null }];
  });
  const [first] = taken;
  if (first === undefined) return;
  const names = taken.map(({ name }) => `--${name}`);
  // Of several options and words without their order, nobody knows which belong together.
  const words =
    taken.length > 1
      ? names.map((name) => `${name} …`)
      : [names[0], ...(first.value === null || first.value === 'true' ? [] : [first.value]), ...args];
  throw new InputError(
    `npm took ${names.join(' and ')} for itself; options of the command stand behind "--": npm run ${command.name()} -- ${words.join(' ')}`,
  );
}
