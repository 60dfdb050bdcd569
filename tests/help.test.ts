/**
 * What every command has in common for people: --help, and a place in the package that npm
 * installs.
 */

import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { commandEnvironment } from './support/command.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

/** Need sources, tools or a folder that an installed package does not have. */
const CHECKOUT_ONLY = ['guest-images', 'check-firmware', 'stress', 'board-trees'];

/** Commands that package.json's scripts name. */
const commands = Object.values(
  (JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { scripts: Record<string, string> })
    .scripts,
)
  .map((script) => /^node scripts\/launch\.mjs ([a-z-]+)$/.exec(script)?.[1])
  .filter((name) => name !== undefined && !CHECKOUT_ONLY.includes(name));

function node(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    env: commandEnvironment(),
    timeout: HANG_GUARD_MS,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

describe('the commands', () => {
  it('are all in the package: the build bundles what npm run has', () => {
    const build = pathToFileURL(join(packageRoot(), 'scripts', 'build.mjs')).href;
    const { stdout } = node('--input-type=module', '-e', `console.log((await import('${build}')).COMMANDS.join(' '))`);
    expect(new Set(stdout.trim().split(' '))).toEqual(new Set(commands));
  });

  it.each(commands)('%s teaches with --help and refuses an option that it does not have', (name = '') => {
    const launcher = join(packageRoot(), 'scripts', 'launch.mjs');
    const help = node(launcher, name, '--help');
    expect([help.status, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toMatch(new RegExp(`^Usage: ${name}\\b`));
    expect(help.stdout).toMatch(/--help +print this text and stop\n/);
    expect(help.stdout).toContain('\nExit status: 0 ');
    const wrong = node(launcher, name, '--no-such-option');
    expect([wrong.status, wrong.stdout]).toEqual([2, '']);
    expect(wrong.stderr).toContain('--no-such-option');
  });

  it.each(['stress', 'board-trees'])('%s of the checkout tells its usage on standard output', (name) => {
    const help = node(join(packageRoot(), 'scripts', 'launch.mjs'), name, '--help');
    expect([help.status, help.stderr]).toEqual([0, '']);
    expect(help.stdout).toMatch(new RegExp(`^usage: npm run ${name}\\b`));
  });
});
