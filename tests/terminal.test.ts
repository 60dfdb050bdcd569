// SPDX-License-Identifier: GPL-2.0-only
/**
 * The serial line as a user types on it: `npm run boot -- --kernel …` on a pseudo terminal (made by
 * script(1) of util-linux) and behind a pipe.
 */

import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elfBytes } from '#emulator/loader/testing/guest-images.ts';
import { readFirmwareImage } from '#host/firmware-images.ts';
import { boot, bootCommand, commandEnvironment } from './support/command.ts';
import { IMAGE_OFFSET, RAM_BASE } from './support/guest-machine.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

const CTRL_C = '\x03';
const ESCAPE_KEY = '\x1d';
const COLUMNS = 20;
/** Runs a command on a pseudo terminal of its own. */
const SCRIPT = 'script';
const hasScript = process.platform === 'linux' && spawnSync(SCRIPT, ['--version']).status === 0;

let folder = '';
let command: string[] = [];
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'levitate-terminal-'));
  // firmware/guests/echo.inc: answers in upper case until "q".
  const base = RAM_BASE['qemu-virt'] + IMAGE_OFFSET;
  const bytes = readFirmwareImage('guests/echo-qemu-virt.bin');
  const kernel = join(folder, 'echo.elf');
  writeFileSync(kernel, elfBytes(BigInt(base), [{ physical: base, bytes }]));
  // Bundles the command when a source has changed.
  boot('--version');
  command = [
    process.execPath,
    ...bootCommand(),
    '--board',
    'qemu-virt',
    '--kernel',
    kernel,
    '--wall-timeout',
    `${HANG_GUARD_MS}ms`,
  ];
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A command whose output can be waited for. */
class Session {
  output = '';
  readonly ended: Promise<number | null>;
  private readonly child: ChildProcessWithoutNullStreams;
  private wake = (): void => {};

  constructor(program: string, words: readonly string[]) {
    this.child = spawn(program, words, { env: commandEnvironment() });
    const take = (chunk: Buffer): void => {
      this.output += chunk.toString('latin1');
      this.wake();
    };
    this.child.stdout.on('data', take);
    this.child.stderr.on('data', take);
    this.ended = new Promise((resolve) => this.child.once('close', resolve));
  }

  type(text: string): void {
    this.child.stdin.write(text);
  }

  /** Resolves when the output contains `text`; the test's own time limit ends it otherwise. */
  async until(text: string): Promise<void> {
    while (!this.output.includes(text)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }
}

const onTerminal = (): Session =>
  new Session(SCRIPT, ['-qfec', `stty cols ${COLUMNS}; ${command.map((word) => `'${word}'`).join(' ')}`, '/dev/null']);

describe.skipIf(!hasScript)('on a terminal', () => {
  it('keys go to the guest, Ctrl-C among them, without an echo of the terminal', async () => {
    const session = onTerminal();
    await session.until('ready');
    session.type(`hello${CTRL_C}there`);
    await session.until(`HELLO${CTRL_C}THERE`);
    expect(session.output).not.toContain('hello');
    // A backspace at the left edge goes to the end of the row before.
    session.type(`\n${'x'.repeat(COLUMNS + 1)}\b\b`);
    await session.until(`${'X'.repeat(COLUMNS + 1)}\b\x1b[A\x1b[${COLUMNS}G`);
    session.type('q');
    await session.until('bye');
    expect(await session.ended).toBe(0);
    expect(session.output).toContain('Ctrl-] quits');
    expect(session.output).toContain('powered off');
  });

  it('the escape key quits, and what is typed after it is lost', async () => {
    const session = onTerminal();
    await session.until('ready');
    session.type(`a${ESCAPE_KEY}bq`);
    expect(await session.ended).not.toBeNull();
    expect(session.output).not.toContain('AB');
    expect(session.output).not.toContain('bye');
  });
});

describe('behind a pipe', () => {
  it('input is passed on as it comes, the escape key like any other', async () => {
    const [program, ...words] = command as [string, ...string[]];
    const session = new Session(program, words);
    session.type(`one${ESCAPE_KEY}twoq`);
    expect(await session.ended).toBe(0);
    expect(session.output).toContain(`ONE${ESCAPE_KEY}TWO`);
    expect(session.output).not.toContain('Ctrl-]');
  });

  it('however late input comes, it is answered, and its end ends the run', () => {
    const line = `(sleep 6; echo meminfo) | npm --silent run boot -- --board pixel6`;
    const { status, stdout, stderr } = spawnSync('sh', ['-c', line], { env: commandEnvironment(), encoding: 'utf8' });
    expect(status, stderr).toBe(0);
    expect(stdout).toContain('levitate> meminfo\nRAM       8 GiB');
  });

  it('a program that thinks between two lines can talk to the maintenance shell', async () => {
    const session = new Session(process.execPath, [...bootCommand(), '--board', 'qemu-virt']);
    session.type('ps\n');
    await session.until('no process\nlevitate> ');
    await new Promise((resolve) => setTimeout(resolve, 300));
    session.type('heap\npoweroff\n');
    expect(await session.ended).toBe(0);
    expect(session.output).toContain('bytes used in');
    expect(session.output).toContain('powered off');
  });
});
