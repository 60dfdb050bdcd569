// SPDX-License-Identifier: GPL-2.0-only
/**
 * Ends of a command, whatever it does: a small command in the common frame, in a process of its
 * own.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';

const folder = mkdtempSync(join(tmpdir(), 'levitate-command-'));
const bundle = join(folder, 'dist', 'command.mjs');

/** A command that does what its argument says. */
const COMMAND = `
import { writeSync } from 'node:fs';
import { commandMain, EXIT_INTERRUPTED } from './command.ts';
import { InputError } from '#workbench/input-error.ts';

const never = (begin) => new Promise(() => (begin(), setInterval(() => {}, 1000)));
const fail = () => { throw new TypeError('of ours'); };
const RUNS = {
  works: () => 7,
  refuses: () => { throw new InputError('--it is wrong; write --so'); },
  breaks: fail,
  'breaks-later': () => never(() => setTimeout(fail)),
  'breaks-promise': () => never(() => void Promise.resolve().then(fail)),
  streams: () => never(() => setInterval(() => process.stdout.write('line\\n'), 1)),
  writes: () => writeSync(1, 'line\\n'),
  obeys: ({ interrupt }) => new Promise((resolve) => {
    const alive = setInterval(() => {}, 1000);
    interrupt.addEventListener('abort', () => (clearInterval(alive), resolve(EXIT_INTERRUPTED)));
    process.stdout.write('ready');
  }),
  'goes on': ({ interrupt }) => never(() => {
    interrupt.addEventListener('abort', () => process.stdout.write('heard'));
    process.stdout.write('ready');
  }),
};
process.exitCode = await commandMain({
  name: 'tried', summary: '', usage: '', operands: ['[run]', ''], options: {}, examples: [], statuses: {},
  run: (call) => RUNS[call.words[0]](call),
})(process.argv.slice(2));
`;

beforeAll(async () => {
  copyFileSync(join(packageRoot(), 'package.json'), join(folder, 'package.json'));
  await build({
    stdin: { contents: COMMAND, resolveDir: join(packageRoot(), 'workbench', 'cli'), loader: 'ts' },
    outfile: bundle,
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['koffi'],
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    logLevel: 'silent',
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const start = (run: string, stdout: 'pipe' | number = 'pipe'): ChildProcess =>
  spawn(process.execPath, [bundle, run], { stdio: ['ignore', stdout, 'pipe'] });

function ended(child: ChildProcess): Promise<{ status: number | null; signal: string | null; stderr: string }> {
  let stderr = '';
  child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
  return new Promise((resolve) => child.once('close', (status, signal) => resolve({ status, signal, stderr })));
}

describe('how a command ends', () => {
  it.each([
    ['works', 7, /^$/],
    ['refuses', 2, /^tried: --it is wrong; write --so\n$/],
    ['breaks', 70, /^tried: a fault of the emulator itself, .*report it.*:\nTypeError: of ours\n {4}at /],
    ['breaks-later', 70, /^tried: a fault of the emulator itself, .*:\nTypeError: of ours\n {4}at /],
    ['breaks-promise', 70, /^tried: a fault of the emulator itself, .*:\nTypeError: of ours\n {4}at /],
  ])('that %s: status %i', async (run, status, stderr) => {
    const child = start(run);
    child.stdout?.resume();
    const end = await ended(child);
    expect(end.status).toBe(status);
    expect(end.stderr).toMatch(stderr);
  });

  it('whose reader has gone: status 2, and why', async () => {
    const child = start('streams');
    child.stdout?.once('data', () => child.stdout?.destroy());
    const gone = 'tried: standard output: cannot be written: its reader has closed the pipe\n';
    expect(await ended(child)).toEqual({ status: 2, signal: null, stderr: gone });
  });

  it.each(['streams', 'writes'])('that %s to a full disk: status 2, and why', async (run) => {
    const full = 'tried: standard output: cannot be written: the disk is full\n';
    expect(await ended(start(run, openSync('/dev/full', 'w')))).toEqual({ status: 2, signal: null, stderr: full });
  });

  it.each(['SIGINT', 'SIGTERM'] as const)('that obeys %s: status 130', async (signal) => {
    const child = start('obeys');
    child.stdout?.once('data', () => child.kill(signal));
    expect(await ended(child)).toEqual({ status: 130, signal: null, stderr: '' });
  });

  it('the second SIGINT ends one that goes on', async () => {
    const child = start('goes on');
    child.stdout?.on('data', () => child.kill('SIGINT'));
    expect(await ended(child)).toEqual({ status: null, signal: 'SIGINT', stderr: '' });
  });
});
