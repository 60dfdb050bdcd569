#!/usr/bin/env node
/**
 * Runs one of the project's commands: `node scripts/launch.mjs NAME [ARGUMENTS]` runs
 * workbench/commands/NAME.ts or scripts/NAME.ts.
 *
 * The command is bundled into dist/NAME.mjs when that is missing or when any file that went into it
 * has changed, and is then imported into this very process: no second start of Node, and signals
 * and the terminal are the command's own. A command that exports `main(args)` is called with its
 * arguments, and its number becomes the exit status; others act when they are imported.
 *
 * Nothing is imported here that a fresh bundle does not need; the bundler (scripts/build.mjs) is
 * loaded only when it is called for.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** True when this is a package as npm installs it: bundles without their sources. */
const isInstalled = !existsSync(join(root, 'emulator'));
/** Entry points of the library lie beside the commands' bundles. */
const NO_COMMANDS = ['index', 'testing'];
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
      const { size: sizeNow, mtimeMs: mtimeNow } = statSync(join(root, path));
      return sizeNow === size && mtimeNow === mtimeMs;
    });
    return unchanged && existsSync(join(root, 'dist', `${command}.mjs`));
  } catch {
    return false;
  }
}

function commandNames() {
  // An installed package holds bundles only; the library's own are no commands.
  const folders = isInstalled ? ['dist'] : COMMAND_FOLDERS.filter((folder) => existsSync(join(root, folder)));
  const ending = isInstalled ? '.mjs' : '.ts';
  const names = folders
    .flatMap((folder) => readdirSync(join(root, folder)))
    .filter((file) => file.endsWith(ending) && /^[a-z0-9-]+\.[a-z]+$/.test(file) && !file.startsWith('shared-'))
    .map((file) => file.slice(0, -ending.length));
  return names.filter((command) => !NO_COMMANDS.includes(command)).sort((a, b) => (a < b ? -1 : 1));
}

/** As it was called: npm's link to this file is the package's "levitate". */
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
  const bundle = join(root, 'dist', `${command}.mjs`);
  if (!/^[a-z0-9-]+$/.test(command) || NO_COMMANDS.includes(command)) return null;
  if (isInstalled) return existsSync(bundle) ? bundle : null;
  if (!COMMAND_FOLDERS.some((folder) => existsSync(join(root, folder, `${command}.ts`)))) return null;
  if (!isFresh(command)) {
    const { bundleCommand } = await import('./build.mjs');
    await bundleCommand(command);
  }
  return bundle;
}

/** Ends the process: what was to be written is not whole. */
function notWritten(what, { code, message }) {
  const why = { EPIPE: 'its reader has closed the pipe', ENOSPC: 'the disk is full' }[code] ?? code ?? message;
  process.stderr.write(`${name}: ${what}: cannot be written: ${why}\n`);
  process.exit(STATUS_USAGE);
}

async function run(bundle) {
  // A reader that has gone (`npm run boot … | head`), a disk that is full: whoever reads the rest
  // must not take it for the whole.
  process.stdout.on('error', (error) => notWritten('standard output', error));
  // Nowhere is left to say it.
  process.stderr.on('error', () => process.exit(STATUS_USAGE));
  process.argv = [process.argv[0], bundle, ...args];
  const command = await import(pathToFileURL(bundle).href);
  if (typeof command.main === 'function') {
    try {
      const status = await command.main(args);
      if (typeof status === 'number') process.exitCode = status;
    } catch (error) {
      if (error?.syscall === undefined) throw error;
      notWritten(error.path ?? (error.syscall === 'write' ? 'standard output' : error.syscall), error);
    }
  }
}

if (name === undefined) {
  usage('no command is named');
} else if (name === '--help') {
  process.stdout.write(`${usageText()}"${calledAs} NAME --help" explains a command.\n`);
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
