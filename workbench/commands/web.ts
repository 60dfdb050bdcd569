/**
 * `npm run web`: the live view of a machine in a browser: serial terminal, run, pause, step, memory
 * as it changes. On the loopback only.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { tellFailure } from '#workbench/cli/command-failure.ts';
import {
  addMachineOptions,
  machineSettings,
  parseWords,
  type RawMachineOptions,
} from '#workbench/cli/machine-options.ts';
import { InputError } from '#workbench/machine/input-error.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { readPage } from '#workbench/report/html-page.ts';
import { LiveMachine } from '#workbench/web/live-machine.ts';
import { serve } from '#workbench/web/server.ts';

const DEFAULT_PORT = 8470;

const EXAMPLES = `
Examples:
  npm run web -- --board pixel6
  npm run web -- --board qemu-virt --paused --port 0

The address is said on stderr; Ctrl-C ends the server and the machine. docs/pictures.md explains the page.

Exit status: 0 ended with Ctrl-C · 2 usage, board, input or port error · 70 a fault of the emulator itself`;

interface RawOptions extends RawMachineOptions {
  readonly port: number;
  readonly paused?: true;
}

export async function main(args: readonly string[]): Promise<number> {
  try {
    return await perform(args);
  } catch (error) {
    return tellFailure('web', error);
  }
}

async function perform(args: readonly string[]): Promise<number> {
  const command = webCommand();
  if (!parseWords(command, args)) return 0;
  const raw = command.opts<RawOptions>();
  const live = new LiveMachine(machineSettings(raw), raw.paused === true);
  const stop = (): void => live.close();
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  try {
    const server = await serve(live, readPage('live'), raw.port);
    process.stderr.write(`web: ${server.url} (Ctrl-C ends it)\n`);
    try {
      await live.run();
    } finally {
      await server.close();
    }
    return 0;
  } finally {
    process.removeListener('SIGINT', stop);
    process.removeListener('SIGTERM', stop);
  }
}

function webCommand(): Command {
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string };
  const command = new Command('web')
    .description('Boots a board and shows it in a browser while it runs.')
    .usage('--board NAME [options]')
    .version(`levitate-emulator ${version}`, '--version', 'print the version and stop')
    .helpOption('--help', 'print this text and stop')
    .option('--port <n>', 'port on the loopback to serve on; 0 takes any that is free', parsePort, DEFAULT_PORT)
    .option('--paused', 'do not run before the page says so');
  return addMachineOptions(command)
    .addHelpText('after', EXAMPLES)
    .allowExcessArguments(false)
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new InputError(`--port ${text}: a number from 0 to 65535 is wanted`);
  return port;
}
