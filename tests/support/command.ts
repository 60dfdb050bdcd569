// SPDX-License-Identifier: GPL-2.0-only
/** The command line as a user has it: `node scripts/launch.mjs boot …` in a process of its own. */

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '#workbench/package-root.ts';
import { cacheFolder } from '#workbench/engine-library/cache-folder.ts';
import { HANG_GUARD_MS } from './hang-guard.ts';

/** The end and the output of a command. */
export interface CommandResult {
  readonly status: number | null;
  readonly signal: string | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** Words before the options. */
export function bootCommand(root: string = packageRoot()): string[] {
  return [join(root, 'scripts', 'launch.mjs'), 'boot'];
}

/** Environment that lets a package elsewhere find the engine without fetching it again. */
export function commandEnvironment(): NodeJS.ProcessEnv {
  return { ...process.env, LEVITATE_CACHE: cacheFolder() };
}

/** Runs the command to its end, with nothing on its standard input. */
export const boot = (...args: readonly string[]): CommandResult => command('boot', ...args);

/** The same of any command. */
export function command(name: string, ...args: readonly string[]): CommandResult {
  const launcher = join(packageRoot(), 'scripts', 'launch.mjs');
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [launcher, name, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: commandEnvironment(),
    timeout: HANG_GUARD_MS,
  });
  return { status, signal, stdout, stderr: stderr.toString() };
}

/**
 * A package in `folder`, as npm installs it, with `instruction` at a symbol of its kernel. The
 * command must have been bundled before.
 */
export function packageWithKernel(folder: string, symbol: string, instruction: number): void {
  const root = packageRoot();
  mkdirSync(join(folder, 'scripts'));
  for (const path of ['dist', 'firmware/images', 'scripts/launch.mjs', 'scripts/compiled-bundle.mjs', 'package.json']) {
    cpSync(join(root, path), join(folder, path), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  const file = join(folder, 'firmware', 'images', 'kernel.bin');
  const image = readFileSync(file);
  image.writeUInt32LE(instruction, kernelSymbol(symbol));
  writeFileSync(file, image);
}

/** Offset of a symbol in the kernel image. */
export function kernelSymbol(name: string): number {
  const file = join(packageRoot(), 'firmware', 'images', 'kernel.symbols.json');
  const offset = (JSON.parse(readFileSync(file, 'utf8')) as Record<string, number>)[name];
  if (offset === undefined) throw new Error(`the kernel has no symbol ${name}`);
  return offset;
}
