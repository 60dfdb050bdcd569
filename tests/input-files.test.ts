// SPDX-License-Identifier: GPL-2.0-only
/**
 * Inputs without an end, of another kind, or larger than the guest are refused at once, by name, in
 * bounded memory.
 */

import { spawnSync } from 'node:child_process';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { boot, commandEnvironment } from './support/command.ts';

const LAUNCH = join(packageRoot(), 'scripts', 'launch.mjs');
const BOARD = ['--board', 'qemu-virt', '--memory', '64M'];
/**
 * Kilobytes of address space are no measure; this is resident memory of a run that reads nothing,
 * and room for one guest.
 */
const MOST_RSS_BYTES = 500 * 2 ** 20;

let folder = '';
const inFolder = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'levitate-inputs-'));
  spawnSync('mkfifo', [inFolder('pipe')]);
  const sparse = openSync(inFolder('sparse'), 'w');
  ftruncateSync(sparse, 20 * 2 ** 30);
  closeSync(sparse);
  writeFileSync(inFolder('bomb.gz'), gzipSync(Buffer.alloc(2 ** 28)));
  boot('--version');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The command with its peak of resident memory on stderr. */
function measured(args: readonly string[]): { status: number | null; stderr: string; rssBytes: number } {
  const hook = inFolder('rss.cjs');
  writeFileSync(
    hook,
    "process.on('exit', () => require('node:fs').writeSync(2, `rss ${process.resourceUsage().maxRSS}\\n`));",
  );
  const { status, stderr } = spawnSync(process.execPath, ['--require', hook, LAUNCH, ...args], {
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    env: commandEnvironment(),
  });
  const rss = /rss (\d+)/.exec(stderr)?.[1];
  return { status, stderr, rssBytes: Number(rss) * 1024 };
}

const kinds: readonly [string, string][] = [
  ['FOLDER/pipe', 'it is a pipe; write what comes out of it into a file first'],
  ['/dev/zero', 'it is a device; a file is wanted'],
  ['FOLDER', 'it is a folder'],
];

describe.each(kinds)('%s', (path, why) => {
  it.each(['--dtb', '--kernel', '--vendor-boot', '--bios', '--initrd', '--drive', '--restore'])('as %s', (option) => {
    const file = path.replace('FOLDER', folder);
    const board = option === '--restore' ? [] : BOARD;
    const { status, stderr, rssBytes } = measured(['boot', ...board, option, file]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(`boot: ${option} ${file}: ${why}\n`)]);
    expect(rssBytes).toBeLessThan(MOST_RSS_BYTES);
  });

  it('as an event log', () => {
    const file = path.replace('FOLDER', folder);
    const { status, stderr } = measured(['log', file]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(`log: ${file}: ${why}\n`)]);
  });
});

describe('a file that is larger than the guest', () => {
  it.each(['--dtb', '--kernel', '--vendor-boot', '--bios', '--initrd'])('as %s', (option) => {
    const { status, stderr, rssBytes } = measured(['boot', ...BOARD, option, inFolder('sparse')]);
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining(
        `boot: ${option} ${inFolder('sparse')}: 20 GiB are more than the RAM of qemu-virt, 64 MiB\n`,
      ),
    ]);
    expect(rssBytes).toBeLessThan(MOST_RSS_BYTES);
  });

  it('as a snapshot', () => {
    const { status, stderr } = measured(['boot', '--restore', inFolder('sparse')]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('20 GiB are more than any snapshot')]);
  });

  it('as an event log', () => {
    const { status, stderr, rssBytes } = measured(['log', inFolder('sparse')]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('this is not an event log')]);
    expect(rssBytes).toBeLessThan(MOST_RSS_BYTES);
  });

  it('compressed, as a kernel: no more is unpacked than the guest could hold', () => {
    const { status, stderr, rssBytes } = measured(['boot', ...BOARD, '--kernel', inFolder('bomb.gz')]);
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining('it unpacks to more than the RAM of qemu-virt, 64 MiB'),
    ]);
    expect(rssBytes).toBeLessThan(MOST_RSS_BYTES);
  });
});

it('an empty initial RAM disk is none', () => {
  writeFileSync(inFolder('empty'), '');
  const { status, stdout } = boot(...BOARD, '--initrd', inFolder('empty'));
  expect(status).toBe(0);
  expect(stdout.toString()).toContain('[BOOT] Stage 5');
  expect(stdout.toString()).not.toContain('/init is pid');
});
