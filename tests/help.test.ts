// SPDX-License-Identifier: GPL-2.0-only
/** Properties of every command: --help, and a place in the package that npm installs. */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { commandEnvironment } from './support/command.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

const root = packageRoot();

/** Commands that package.json's scripts name. */
const commands = Object.values(
  (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }).scripts,
)
  .map((script) => /^node(?: --\S+)? scripts\/launch\.mjs ([a-z-]+)$/.exec(script)?.[1])
  .filter((name) => name !== undefined);

/** Need sources, tools or a folder that an installed package does not have. */
const CHECKOUT_ONLY = [
  'guest-images',
  'check-architecture',
  'check-firmware',
  'stress',
  'lockstep',
  'board-trees',
  'simd-fixtures',
];

function node(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    env: commandEnvironment(),
    timeout: HANG_GUARD_MS,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('the commands', () => {
  it('of users are all in the package: the build bundles what npm run has', () => {
    const build = pathToFileURL(join(root, 'scripts', 'build.mjs')).href;
    const { stdout } = node('--input-type=module', '-e', `console.log((await import('${build}')).COMMANDS.join(' '))`);
    const packaged = commands.filter((name) => !CHECKOUT_ONLY.includes(name));
    expect(new Set(stdout.trim().split(' '))).toEqual(new Set(packaged));
  });

  it.each(commands)('%s teaches with --help and refuses an option that it does not have', (name) => {
    const launcher = join(root, 'scripts', 'launch.mjs');
    const help = node(launcher, name, '--help');
    expect([help.status, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toMatch(new RegExp(`^Usage: ${name}\\b`));
    expect(help.stdout).toMatch(/--help +print this text and stop\n/);
    expect(help.stdout).toMatch(/^Examples:\n  npm run /m);
    expect(help.stdout).toMatch(/^Exit status:\n    0 .*\n/m);
    expect(help.stdout).toMatch(/^   70 a fault of the emulator itself$/m);
    expect(node(launcher, name, '--version').stdout).toMatch(/^levitate-emulator \d+\.\d+\.\d+\n$/);
    const wrong = node(launcher, name, '--no-such-option');
    expect([wrong.status, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toBe(`${name}: unknown option '--no-such-option' (--help explains)\n`);
  });
});
