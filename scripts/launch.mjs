#!/usr/bin/env node
// SPDX-License-Identifier: GPL-2.0-only
/**
 * Runs one of the project's commands: `node scripts/launch.mjs NAME [ARGUMENTS]` runs
 * workbench/commands/NAME.ts or scripts/NAME.ts.
 *
 * The command is bundled into dist/NAME.cjs when that is missing or when any file that went into it
 * has changed, and then runs in this very process: no second start of Node, and signals and the
 * terminal are the command's own. Every command exports `main(args)`, which resolves to the
 * exit status (workbench/cli/command.ts).
 *
 * Nothing is imported here that a fresh bundle does not need; the bundler (scripts/build.mjs) is
 * loaded only when it is called for.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadBundle } from './compiled-bundle.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** True when this is a package as npm installs it: bundles without their sources. */
const isInstalled = !existsSync(join(root, 'emulator'));
/** As scripts/build.mjs has it, which is not loaded for a bundle that is fresh. */
const COMMAND_FOLDERS = ['workbench/commands', 'scripts'];
const STATUS_USAGE = 2;
const STATUS_FAULT = 70;
const [name, ...args] = process.argv.slice(2);

/**
 * True when every file recorded beside the bundle has the size and time it had when it was bundled.
 */
function isFresh(command) {
  try {
    const inputs = JSON.parse(readFileSync(join(root, 'dist', `${command}.inputs.json`), 'utf8'));
    const unchanged = inputs.every(([path, size, mtimeMs]) => {
      // Hundreds of paths that are written as they are joined: join() would take each apart.
      const { size: sizeNow, mtimeMs: mtimeNow } = statSync(`${root}/${path}`);
      return sizeNow === size && mtimeNow === mtimeMs;
    });
    return unchanged && existsSync(join(root, 'dist', `${command}.cjs`));
  } catch {
    return false;
  }
}

function commandNames() {
  // An installed package holds bundles only.
  const folders = isInstalled ? ['dist'] : COMMAND_FOLDERS.filter((folder) => existsSync(join(root, folder)));
  const ending = isInstalled ? '.cjs' : '.ts';
  const names = folders
    .flatMap((folder) => readdirSync(join(root, folder)))
    .filter((file) => file.endsWith(ending) && /^[a-z0-9-]+\.[a-z]+$/.test(file))
    .map((file) => file.slice(0, -ending.length));
  return names.sort((a, b) => (a < b ? -1 : 1));
}

/** The name by which it was called: npm's link to this file is the package's "levitate". */
const calledAs = isInstalled ? 'levitate' : 'node scripts/launch.mjs';
const usageText = () => `usage: ${calledAs} NAME [ARGUMENTS]\ncommands: ${commandNames().join(', ')}\n`;

function usage(problem) {
  process.stderr.write(`${problem}\n${usageText()}`);
  process.exitCode = STATUS_USAGE;
}

/**
 * The bundle of `command`, made when necessary; null when there is no such command.
 * @throws Error when it cannot be made
 */
async function bundleOf(command) {
  const bundle = join(root, 'dist', `${command}.cjs`);
  if (!/^[a-z0-9-]+$/.test(command)) return null;
  if (isInstalled) return existsSync(bundle) ? bundle : null;
  if (!COMMAND_FOLDERS.some((folder) => existsSync(join(root, folder, `${command}.ts`)))) return null;
  if (!isFresh(command)) {
    const { bundleCommand } = await import('./build.mjs');
    await bundleCommand(command);
  }
  return bundle;
}

async function run(bundle) {
  process.argv = [process.argv[0], bundle, ...args];
  let loaded;
  try {
    loaded = loadBundle(bundle);
  } catch (error) {
    // The command's own guard is not there yet, and Node's status 1 would be a kernel panic.
    process.stderr.write(`${name} cannot be loaded:\n${error.stack ?? error}\n`);
    process.exitCode = STATUS_FAULT;
    return;
  }
  process.exitCode = await loaded.exports.main(args);
  loaded.keepCode();
}

if (name === undefined) {
  usage('no command is named');
} else if (name === '--help') {
  process.stdout.write(`${usageText()}"${calledAs} NAME --help" explains a command.\n`);
} else if (name === '--version') {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  process.stdout.write(`levitate-emulator ${version}\n`);
} else {
  let bundle = null;
  try {
    bundle = await bundleOf(name);
    if (bundle === null) usage(`there is no command "${name}"`);
  } catch (error) {
    process.stderr.write(`${name} cannot be built:\n${error.message}\n`);
    process.exitCode = STATUS_FAULT;
  }
  if (bundle !== null) await run(bundle);
}
