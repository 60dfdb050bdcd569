// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run boot` and the world around it: a guest that never stops, signals, closed pipes, closed
 * input.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readEventLog } from '#workbench/log/read-event-log.ts';
import type { Report } from '#workbench/index.ts';
import { boot, bootCommand, commandEnvironment, packageWithKernel } from './support/command.ts';
import { ENDLESS_LOOP } from './support/planted-code.ts';

let folder = '';
const inFolder = (name: string): string => join(folder, name);
const report = (name: string): Report => JSON.parse(readFileSync(inFolder(name), 'utf8')) as Report;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'levitate-cli-'));
  // Bundles the command when a source has changed.
  boot('--version');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Resolves when `child` has ended. */
function ended(child: ChildProcess): Promise<{ status: number | null; signal: string | null }> {
  return new Promise((resolve) => child.once('close', (status, signal) => resolve({ status, signal })));
}

describe('standard input', () => {
  it('that stays open keeps the command alive, which says so, until it ends', async () => {
    const child = spawn(process.execPath, [...bootCommand(), '--board', 'qemu-virt'], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: commandEnvironment(),
    });
    let stderr = '';
    const told = new Promise<void>((resolve) => {
      child.stderr?.on('data', (chunk) => {
        stderr += String(chunk);
        if (stderr.includes('the guest waits for input; the end of the input')) resolve();
      });
    });
    await told;
    expect(child.exitCode).toBeNull();
    child.stdin?.end();
    expect(await ended(child)).toEqual({ status: 0, signal: null });
    expect(stderr).toContain('reached its steady state');
  });

  it('that stays open does not outlive --wall-timeout', async () => {
    const child = spawn(process.execPath, [...bootCommand(), '--board', 'qemu-virt', '--wall-timeout', '1s'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: commandEnvironment(),
    });
    expect(await ended(child)).toEqual({ status: 3, signal: null });
  });

  it('that never ends is taken no faster than the guest takes it', () => {
    // A pipe delivers a million lines in the time in which the guest answers some thousand.
    const json = inFolder('endless-input.json');
    const line = [process.execPath, ...bootCommand(), '--board', 'qemu-virt', '--quiet', '--report', json]
      .map((word) => `'${word}'`)
      .join(' ');
    const { status } = spawnSync('sh', ['-c', `yes '' | ${line} --timeout 15ms > /dev/null`], {
      env: commandEnvironment(),
    });
    expect(status).toBe(3);
    expect(report('endless-input.json').host.maxRssBytes).toBeLessThan(500 * 2 ** 20);
  });

  it('that is closed is no error', () => {
    const line = [process.execPath, ...bootCommand(), '--board', 'qemu-virt', '--quiet']
      .map((word) => `'${word}'`)
      .join(' ');
    const { status, stderr, stdout } = spawnSync('sh', ['-c', `${line} <&-`], { env: commandEnvironment() });
    expect([status, stderr.toString()]).toEqual([0, '']);
    expect(stdout.toString()).toContain('steady state');
  });
});

describe('a closed pipe', () => {
  it('behind stdout ends the command, which says so when there was more to write', () => {
    const line = [process.execPath, ...bootCommand(), '--board', 'qemu-virt', '--quiet']
      .map((word) => `'${word}'`)
      .join(' ');
    const { status, stderr, stdout } = spawnSync('sh', ['-c', `${line} | head -1`], { env: commandEnvironment() });
    expect(stdout.toString()).toBe('[FW] qemu-virt: reset at EL3, PSCI by HVC, entering the kernel at EL1\n');
    expect(status).toBe(0);
    expect(['', 'boot: standard output: cannot be written: its reader has closed the pipe\n']).toContain(
      stderr.toString(),
    );
  });
});

describe('a guest that never stops', () => {
  let root = '';
  beforeAll(() => {
    root = inFolder('endless');
    mkdirSync(root);
    // This kernel loops where it would idle: only limits, signals and closed pipes end it.
    packageWithKernel(root, 'idle', ENDLESS_LOOP);
  });
  const args = ['--board', 'qemu-virt'];
  const start = (...more: readonly string[]): ChildProcess =>
    spawn(process.execPath, [...bootCommand(root), ...args, ...more], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: commandEnvironment(),
    });
  /**
   * Resolves when the child has printed `wanted`, with everything that it prints up to its end
   * collected in `stderr`.
   */
  const until = (child: ChildProcess, wanted: string): { printed: Promise<void>; stderr: () => string } => {
    let [stdout, stderr] = ['', ''];
    child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
    const printed = new Promise<void>((resolve, reject) => {
      child.stdout?.on('data', (chunk) => {
        stdout += String(chunk);
        if (stdout.includes(wanted)) resolve();
      });
      child.once('close', (status) => reject(new Error(`ended with ${status} before "${wanted}": ${stderr}`)));
    });
    return { printed, stderr: () => stderr };
  };

  it.each(['SIGINT', 'SIGTERM'] as const)('ends at %s with its summary and its files', async (signal) => {
    const json = inFolder(`${signal}.json`);
    const child = start('--report', json, '--log', inFolder(`${signal}.jsonl`));
    const { printed, stderr } = until(child, 'steady state');
    await printed;
    child.kill(signal);
    expect(await ended(child)).toEqual({ status: 130, signal: null });
    expect(stderr()).toContain('qemu-virt was interrupted: ');
    expect(report(`${signal}.json`)).toMatchObject({ outcome: 'limit', exitStatus: 130 });
    expect([...readEventLog(inFolder(`${signal}.jsonl`))].at(-1)?.kind).toBe('stop');
  });

  it('ends when what reads its output goes away', async () => {
    const child = start('--quiet', '--timeout', '1h');
    const { printed } = until(child, 'Stage 1');
    await printed;
    child.stdout?.destroy();
    // The command notices at its next write. It writes no more, so it must be stopped.
    child.kill('SIGINT');
    expect([130, 2]).toContain((await ended(child)).status);
  });

  it('ends at --wall-timeout, wherever its guest is by then', async () => {
    const child = start('--wall-timeout', '1s');
    let stderr = '';
    child.stderr?.on('data', (chunk) => (stderr += String(chunk)));
    child.stdout?.resume();
    expect((await ended(child)).status).toBe(3);
    expect(stderr).toContain('qemu-virt hit the limit of real time: ');
  });

  it.each([
    ['--timeout', '100ms', 'hit the limit of time'],
    ['--max-instructions', '20_000_000', 'hit the limit of instructions'],
  ])('ends at %s %s', async (option, value, reason) => {
    const child = start(option, value);
    const { printed, stderr } = until(child, 'steady state');
    await printed;
    expect((await ended(child)).status).toBe(3);
    expect(stderr()).toContain(`qemu-virt ${reason}: `);
  });

  it('left no file behind that was not asked for', () => {
    expect(existsSync(join(root, '.cache'))).toBe(false);
  });
});
