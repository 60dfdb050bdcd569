// SPDX-License-Identifier: GPL-2.0-only
/**
 * Output files of commands. When a file cannot be written, the exit status is 2 and the message
 * names it. When a command is killed while it writes, the old file or the new one is there.
 */

import { spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { boot, commandEnvironment } from './support/command.ts';

const LAUNCH = join(packageRoot(), 'scripts', 'launch.mjs');
/** A disk that is always full. */
const FULL = '/dev/full';
const BOARD = ['--board', 'qemu-virt'];
const noFull = !existsSync(FULL);
const notRoot = process.getuid?.() !== 0;

let folder = '';
const inFolder = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'levitate-outputs-'));
  boot(...BOARD, '--log', inFolder('boot.log'), '--quiet');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs a command with stdout where `redirect` says, as a shell does. */
function shell(command: readonly string[], redirect = ''): { status: number | null; stdout: string; stderr: string } {
  const line = [process.execPath, LAUNCH, ...command].map((word) => `'${word}'`).join(' ');
  const script = `set -o pipefail; ${line} ${redirect}`;
  const { status, stdout, stderr } = spawnSync('bash', ['-c', script], {
    stdio: ['ignore', 'pipe', 'pipe'],
    encoding: 'utf8',
    env: commandEnvironment(),
  });
  return { status, stdout, stderr };
}

describe.skipIf(noFull)('a full disk', () => {
  it.each([
    ['--serial', FULL],
    ['--log', FULL],
    ['--report', 'FOLDER/full.json'],
    ['--report', 'FOLDER/full.html'],
    ['--save', FULL],
    ['--dump-dtb', FULL],
  ])('is told of %s %s', (option, path) => {
    const file = path.replace('FOLDER', folder);
    rmSync(file.startsWith(folder) ? file : inFolder('none'), { force: true });
    // A report is known by its name; the link leads to the full disk.
    if (file !== FULL) symlinkSync(FULL, file);
    const { status, stderr } = boot(...BOARD, option, file);
    expect([status, stderr]).toEqual([
      2,
      expect.stringContaining(`boot: ${option} ${file}: cannot be written: the disk is full\n`),
    ]);
  });

  it.each([
    ['boot', [...BOARD, '--quiet']],
    ['boot', ['--list-boards']],
    ['boot', ['--help']],
    ['boot', [...BOARD, '--dump-dtb', '-']],
    ['explain', [...BOARD, 'memory']],
    ['doctor', []],
    ['log', ['FOLDER/boot.log', '--events']],
    ['log', ['FOLDER/boot.log', '--json']],
    ['guest-images', ['--list']],
    ['bench', ['--help']],
  ])('behind stdout is told by %s %j', (name, args) => {
    const { status, stderr } = shell([name, ...args.map((arg) => arg.replace('FOLDER', folder))], `> ${FULL}`);
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(
        new RegExp(`^${name}: (?:--dump-dtb )?standard output: cannot be written: the disk is full$`, 'm'),
      ),
    ]);
  });
});

describe('a closed pipe', () => {
  it.each([
    ['boot', [...BOARD, '--quiet']],
    ['explain', [...BOARD, 'memory']],
    ['doctor', []],
    ['log', ['FOLDER/boot.log', '--events']],
  ])('behind stdout is told by %s %j, and never status 0', (name, args) => {
    const words = args.map((arg) => arg.replace('FOLDER', folder));
    const { status, stderr } = shell([name, ...words], '| (exec <&-; sleep 1)');
    const said = `${name}: standard output: cannot be written: its reader has closed the pipe\n`;
    expect([status, stderr]).toEqual([2, expect.stringContaining(said)]);
  });

  it.each(['--serial', '--log'])('behind %s is told', (option) => {
    const pipe = inFolder(`pipe${option}`);
    expect(spawnSync('mkfifo', [pipe]).status).toBe(0);
    // The reader opens it, which lets the command open it too, and goes.
    const reader = spawn('bash', ['-c', `exec < '${pipe}'; exit 0`]);
    const { status, stderr } = boot(...BOARD, option, pipe, '--quiet');
    reader.kill();
    expect([status, stderr]).toEqual([
      2,
      `boot: ${option} ${pipe}: cannot be written: its reader has closed the pipe\n`,
    ]);
  });
});

describe('files that are replaced', () => {
  const writers: readonly [string, (file: string) => readonly string[]][] = [
    ['--report .json', (file) => ['boot', ...BOARD, '--report', `${file}.json`]],
    ['--report .html', (file) => ['boot', ...BOARD, '--report', `${file}.html`]],
    ['--save', (file) => ['boot', ...BOARD, '--save', file]],
    ['--dump-dtb', (file) => ['boot', ...BOARD, '--dump-dtb', file]],
    ['--golden --update', (file) => ['log', join(folder, 'boot.log'), '--golden', file, '--update']],
  ];

  it.skipIf(notRoot).each(writers)('%s: a disk that gets full leaves the old file, and no other', (_what, command) => {
    const disk = inFolder('disk');
    mkdirSync(disk, { recursive: true });
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    // A container may not mount; /dev/full above stands for it there.
    if (mounted.status !== 0) return;
    try {
      const words = command(join(disk, 'out'));
      const file = words.find((word) => word.startsWith(disk)) ?? '';
      // As golden logs are remade, the old one is read first.
      const old = words.includes('--golden')
        ? `${readFileSync(inFolder('boot.log'), 'utf8').split('\n', 1)[0]}\n`
        : 'old';
      writeFileSync(file, old);
      spawnSync('dd', ['if=/dev/zero', `of=${join(disk, 'filler')}`, 'bs=4096']);
      const { status, stderr } = shell(words);
      expect([status, stderr]).toEqual([2, expect.stringContaining(`${file}: cannot be written: the disk is full\n`)]);
      expect(readFileSync(file, 'utf8')).toBe(old);
      expect(readdirSync(disk).toSorted()).toEqual(['filler', file.slice(disk.length + 1)]);
    } finally {
      spawnSync('umount', [disk]);
    }
  });

  it.each(writers)('%s: through a link, with its permissions, and with nothing left beside it', (_what, command) => {
    const place = mkdtempSync(inFolder('place-'));
    const words = command(join(place, 'link'));
    const link = words.find((word) => word.startsWith(place)) ?? '';
    writeFileSync(join(place, 'file'), 'the old one', { mode: 0o640 });
    chmodSync(join(place, 'file'), 0o640);
    if (words.includes('--golden')) rmSync(join(place, 'file'));
    else symlinkSync('file', link);
    expect(shell(words).status).toBe(0);
    expect(readdirSync(place)).toHaveLength(words.includes('--golden') ? 1 : 2);
    expect(readFileSync(link, 'latin1')).not.toBe('the old one');
  });

  it('a run that is killed leaves the old report', async () => {
    const file = inFolder('killed.json');
    writeFileSync(file, 'the old one');
    const child = spawn(process.execPath, [LAUNCH, 'boot', ...BOARD, '--report', file], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: commandEnvironment(),
    });
    // It has booted and waits for input.
    await new Promise<void>((resolve) => {
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString();
        if (text.includes('steady state')) resolve();
      });
    });
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('close', resolve));
    expect(readFileSync(file, 'utf8')).toBe('the old one');
  });

  it('a kill at any moment of the writing leaves the old file or the new one', () => {
    const place = mkdtempSync(inFolder('kills-'));
    const file = join(place, 'tree.dtb');
    const whole = boot(...BOARD, '--dump-dtb', file);
    expect(whole.status, whole.stderr).toBe(0);
    const fresh = readFileSync(file);
    // Stopped by the system at a call of its own choosing: the one that writes, and the one that
    // renames.
    for (const call of ['write', 'rename']) {
      writeFileSync(file, 'the old one');
      const hook = join(place, `${call}.cjs`);
      const name = call === 'write' ? 'writeSync' : 'renameSync';
      writeFileSync(
        hook,
        `const fs = require('node:fs'); const real = fs.${name};
         fs.${name} = (...args) => {
           if (!String(args[0]).includes('tree.dtb') && '${name}' === 'renameSync') return real(...args);
           if ('${name}' === 'writeSync' && args[1].length < 1000) return real(...args);
           if ('${name}' === 'writeSync') real(args[0], args[1], 0, 500);
           process.kill(process.pid, 'SIGKILL');
         };
         require('node:module').syncBuiltinESMExports();`,
      );
      const killed = spawnSync(process.execPath, ['--require', hook, LAUNCH, 'boot', ...BOARD, '--dump-dtb', file], {
        stdio: ['ignore', 'ignore', 'inherit'],
        env: commandEnvironment(),
      });
      expect(killed.signal).toBe('SIGKILL');
      expect(readFileSync(file, 'latin1')).toBe('the old one');
    }
    expect(boot(...BOARD, '--dump-dtb', file).status).toBe(0);
    expect(readFileSync(file).equals(fresh)).toBe(true);
  });
});
