// SPDX-License-Identifier: GPL-2.0-only
/** A boot under the real gdb: both as processes of their own, as a user has them. Not a test. */

import { spawn, spawnSync } from 'node:child_process';
import { packageRoot } from '#workbench/package-root.ts';
import { bootCommand, commandEnvironment } from './command.ts';
import { HANG_GUARD_MS } from './hang-guard.ts';

const GDB = 'gdb-multiarch';

/**
 * The reason why tests with gdb cannot run here, for their title; null when they can. On continuous
 * integration gdb must be installed.
 */
export function lacksGdb(): string | null {
  const isThere = spawnSync(GDB, ['--version'], { stdio: 'ignore' }).status === 0;
  return isThere || process.env['CI'] === 'true' ? null : `skipped: ${GDB} is not installed`;
}

/** The output of gdb and of the boot, and the end of the boot. */
export interface DebuggedBoot {
  /** gdb's output, its complaints included. */
  readonly gdb: string;
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

/** Boots with `args`, held before its first instruction; gdb connects and is given `commands`. */
export async function bootUnderGdb(args: readonly string[], commands: readonly string[]): Promise<DebuggedBoot> {
  const boot = spawn(process.execPath, [...bootCommand(), ...args, '--gdb', '0', '--gdb-wait'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: commandEnvironment(),
    timeout: HANG_GUARD_MS,
    killSignal: 'SIGKILL',
  });
  const output = { stdout: '', stderr: '' };
  boot.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.stdout += text;
  });
  const ended = new Promise<number | null>((resolve) => boot.on('close', resolve));
  const port = await new Promise<string>((resolve, reject) => {
    boot.stderr.setEncoding('utf8').on('data', (text: string) => {
      output.stderr += text;
      const [, found] = /127\.0\.0\.1:(\d+)"\n/.exec(output.stderr) ?? [];
      if (found !== undefined) resolve(found);
    });
    boot.on('close', () => reject(new Error(`the boot ended before a debugger came:\n${output.stderr}`)));
  });
  const gdb = await runGdb([`target remote 127.0.0.1:${port}`, ...commands]);
  return { gdb, status: await ended, ...output };
}

function runGdb(commands: readonly string[]): Promise<string> {
  const preset = ['set confirm off', 'set architecture aarch64', 'set pagination off'];
  const words = [...preset, ...commands].flatMap((command) => ['-ex', command]);
  const gdb = spawn(GDB, ['-nx', '-q', '-batch', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    cwd: packageRoot(),
    timeout: HANG_GUARD_MS,
    killSignal: 'SIGKILL',
  });
  let text = '';
  for (const stream of [gdb.stdout, gdb.stderr]) {
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
  }
  return new Promise((resolve, reject) => {
    gdb.on('error', reject);
    gdb.on('close', () => resolve(text));
  });
}
