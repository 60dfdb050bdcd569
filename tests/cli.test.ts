// SPDX-License-Identifier: GPL-2.0-only
/** `npm run boot` as a user sees it: exit statuses, streams, files, signals and pipes. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bootBoard, readEventLog, type Report } from '#workbench/index.ts';
import { boot, type CommandResult } from './support/command.ts';
import { ENGINE_VERSION } from './support/engines.ts';
import { treeBlob } from './support/test-tree.ts';

const NO_RAM = 'PANIC: No RAM regions found in DTB';

let folder = '';
const inFolder = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'levitate-cli-'));
  writeFileSync(inFolder('empty.dtb'), '');
  writeFileSync(inFolder('no-ram.dtb'), treeBlob({}));
  const { machine } = bootBoard('pixel6');
  writeFileSync(inFolder('truncated.dtb'), machine.deviceTree.subarray(0, 1000));
  machine.close();
  // Bundles the command when a source has changed.
  boot('--version');
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const text = ({ stdout }: CommandResult): string => stdout.toString();
const report = (name: string): Report => JSON.parse(readFileSync(inFolder(name), 'utf8')) as Report;

describe('a boot', () => {
  it.each(['pixel6', 'qemu-virt'])('of %s: the serial line on stdout, a summary on stderr, and every file', (board) => {
    const [serial, log, json] = [inFolder(`${board}.txt`), inFolder(`${board}.jsonl`), inFolder(`${board}.json`)];
    const result = boot('--board', board, '--serial', serial, '--log', log, '--report', json);
    expect(result.status, result.stderr).toBe(0);
    const { machine } = bootBoard(board);
    machine.serial.finish(); // the prompt is a line without an end
    expect(result.stdout.equals(Buffer.from(machine.serial.bytes)), 'stdout is the serial line, byte for byte').toBe(
      true,
    );
    expect(readFileSync(serial).equals(result.stdout)).toBe(true);
    expect(result.stderr).toMatch(
      new RegExp(
        `^\\n${board} reached its steady state: . GiB of RAM, .* touched · .* simulated, .* instructions · .* ms, .* MiB · ${ENGINE_VERSION}.*\\n$`,
      ),
    );
    const events = [...readEventLog(log)];
    expect(events.flatMap((event) => (event.kind === 'serial' ? [event.fields.text] : []))).toEqual(
      machine.serial.lines,
    );
    expect(events.filter(({ kind }) => kind === 'stage')).toHaveLength(5);
    expect(events[0]?.kind).toBe('boot');
    expect(events.at(-1)).toMatchObject({ kind: 'stop', fields: { outcome: 'steady' } });
    const written = report(`${board}.json`);
    expect(written).toMatchObject({ board, outcome: 'steady', exitStatus: 0, panic: null });
    expect(Object.keys(written)).toEqual([
      'board',
      'outcome',
      'exitStatus',
      'panic',
      'ram',
      'memMap',
      'buddy',
      'heap',
      'pageTables',
      'stages',
      'time',
      'host',
    ]);
    expect(written.host.maxRssBytes).toBeLessThan(400 * 2 ** 20);
    expect(written.time.simulatedNs).toBe(events.at(-1)?.t);
    machine.close();
  });

  it('with --quiet says nothing on stderr', () => {
    const result = boot('--board', 'qemu-virt', '--quiet');
    expect([result.status, result.stderr]).toEqual([0, '']);
  });

  it.each([
    ['pixel6', '3G', '[HEAP] 24 MiB'],
    ['pixel6', '6G', '[HEAP] 48 MiB'],
    ['pixel6', '96M', '[HEAP] 16 MiB'],
    ['qemu-virt', '512MiB', '[HEAP] 16 MiB'],
    ['qemu-virt', '0x10000000', '[HEAP] 16 MiB'],
  ])('of %s with --memory %s', (board, memory, heap) => {
    const result = boot('--board', board, '--memory', memory, '--quiet');
    expect(result.status, result.stderr).toBe(0);
    expect(text(result)).toContain(heap);
  });

  it.each(['pixel6', 'qemu-virt'])('of %s with 64 GiB needs its mem_map of 384 MiB and little more', (board) => {
    const json = inFolder('large.json');
    const result = boot('--board', board, '--memory', '64G', '--report', json, '--quiet');
    expect(result.status, result.stderr).toBe(0);
    expect(report('large.json').memMap?.bytes).toBe(384 * 2 ** 20);
    expect(report('large.json').host.maxRssBytes).toBeLessThan(700 * 2 ** 20);
  });

  it('hands a command line and an initial RAM disk to the kernel', () => {
    const initrd = inFolder('initrd.img');
    writeFileSync(initrd, Buffer.alloc(100_000, 'initrd'));
    const result = boot('--board', 'pixel6', '--append', 'console=ttySAC0 quiet', '--initrd', initrd, '--quiet');
    expect(result.status, result.stderr).toBe(0);
    expect(text(result)).toContain('[DTB] command line: console=ttySAC0 quiet\n');
    expect(text(result)).toContain('[DTB] initramfs 0x0086000000..0x00860186a0\n');
  });

  it('keeps loud events when --trace asks for them', () => {
    const log = inFolder('traced.jsonl');
    expect(boot('--board', 'pixel6', '--trace', 'gate,psci', '--log', log, '--quiet').status).toBe(0);
    expect([...readEventLog(log)].some(({ kind }) => kind === 'gate')).toBe(true);
  });

  it('takes cores and the version of the interrupt controller', () => {
    const result = boot('--board', 'qemu-virt', '--smp', '4', '--gic-version', '3', '--quiet');
    expect(result.status, result.stderr).toBe(0);
    expect(text(result)).toContain('[DTB] 4 cores: 4 x arm,cortex-a53\n');
  });
});

describe('exit status 1', () => {
  it('is a kernel panic: its line on stdout, its cause in the report', () => {
    const result = boot('--board', 'pixel6', '--dtb', inFolder('no-ram.dtb'), '--report', inFolder('panic.json'));
    expect(result.status, result.stderr).toBe(1);
    expect(text(result)).toContain(`\n${NO_RAM}\n`);
    expect(result.stderr).toContain('pixel6 the kernel panicked: No RAM regions found in DTB');
    expect(report('panic.json')).toMatchObject({
      outcome: 'panic',
      exitStatus: 1,
      panic: NO_RAM,
      memMap: null,
      buddy: null,
      heap: null,
      pageTables: null,
    });
  });

  it('is a truncated device tree', () => {
    const result = boot('--board', 'pixel6', '--dtb', inFolder('truncated.dtb'), '--quiet');
    expect(result.status).toBe(1);
    expect(text(result)).toContain(
      'PANIC: Cannot read the device tree: FDT_ERR_TRUNCATED\nFDT_ERR_TRUNCATED at offset 0x3e8: ',
    );
  });

  it('is --fail-text', () => {
    const result = boot('--board', 'qemu-virt', '--fail-text', 'Stage 3', '--report', inFolder('failed.json'));
    expect(result.status).toBe(1);
    expect(result.stderr).toContain('"Stage 3" appeared on the serial line');
    expect(report('failed.json')).toMatchObject({ outcome: 'error', exitStatus: 1, panic: null });
  });
});

describe('exit status 0', () => {
  it('is --expect-text, also when a panic was expected', () => {
    const result = boot(
      '--board',
      'pixel6',
      '--dtb',
      inFolder('no-ram.dtb'),
      '--expect-text',
      NO_RAM,
      '--report',
      inFolder('expected.json'),
    );
    expect(result.status, result.stderr).toBe(0);
    expect(report('expected.json')).toMatchObject({ outcome: 'expected', exitStatus: 0 });
  });

  it('is --list-boards', () => {
    const result = boot('--list-boards');
    expect(result.status).toBe(0);
    expect(text(result)).toMatch(/^qemu-virt +\S.*\n +.*\npixel6 +\S.*\n +.*\nrpi4 +\S.*\n +.*\n$/);
    expect(text(result)).toContain('1 GiB of RAM, 1 core (to 8), GICv2 or v3, console pl011 at 0x9000000\n');
    expect(text(result)).toContain('8 GiB of RAM, 8 cores (to 8), GICv3, console gs101-uart at 0x10a00000\n');
  });

  it('is --version', () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
    expect(text(boot('--version'))).toBe(`levitate-emulator ${version}\n`);
  });

  it('is --help, which names every option and exit status', () => {
    const result = boot('--help');
    expect([result.status, result.stderr]).toEqual([0, '']);
    for (const option of [
      'board',
      'memory',
      'smp',
      'dtb',
      'dump-dtb',
      'fixups',
      'initrd',
      'append',
      'gic-version',
      'serial',
      'log',
      'report',
      'expect-text',
      'fail-text',
      'timeout',
      'max-instructions',
      'wall-timeout',
      'trace',
      'seed',
      'quiet',
      'version',
      'list-boards',
    ]) {
      expect(text(result)).toContain(`--${option}`);
    }
    for (const status of ['0 steady state', '1 kernel panic', '2 usage', '3 a limit', '70 a fault']) {
      expect(text(result)).toContain(status);
    }
  });
});

describe('exit status 3', () => {
  it.each([
    ['--max-instructions', '5_000', 'hit the limit of instructions'],
    ['--timeout', '10us', 'hit the limit of time'],
    ['--wall-timeout', '1us', 'hit the limit of real time'],
  ])('is %s %s', (option, value, reason) => {
    const result = boot('--board', 'pixel6', option, value, '--report', inFolder('limit.json'));
    expect(result.status, result.stderr).toBe(3);
    expect(result.stderr).toContain(`pixel6 ${reason}: `);
    expect(report('limit.json')).toMatchObject({ outcome: 'limit', exitStatus: 3, memMap: null });
  });
});

describe('exit status 2: the message names what is wrong and nothing is run', () => {
  it.each<[string, readonly string[], string]>([
    ['no board', [], '--board is missing; known boards: qemu-virt, pixel6, rpi4'],
    ['an unknown board', ['--board', 'pixel7'], 'unknown board "pixel7"; known boards: qemu-virt, pixel6, rpi4'],
    ['an unknown option', ['--board', 'pixel6', '--frobnicate'], "unknown option '--frobnicate'"],
    ['a word too many', ['--board', 'pixel6', 'now'], 'too many arguments'],
    ['an option without its value', ['--board'], "option '--board <name>' argument missing"],
    ['a size that is none', ['--board', 'pixel6', '--memory', '12Q'], '--memory 12Q: not a size; write 512M, 8G'],
    ['a negative size', ['--board', 'pixel6', '--memory', '-5'], '--memory -5: not a size'],
    [
      'too little memory',
      ['--board', 'pixel6', '--memory', '1M'],
      'memory of 1 MiB is not possible on pixel6: 64 MiB to',
    ],
    ['too much memory', ['--board', 'qemu-virt', '--memory', '1T'], 'is not possible on qemu-virt: 64 MiB to 255 GiB'],
    ['a time without its unit', ['--board', 'pixel6', '--timeout', '10'], '--timeout 10: not a time; write 10s, 500ms'],
    [
      'a count of nothing',
      ['--board', 'pixel6', '--max-instructions', '0'],
      '--max-instructions 0: not a whole number above zero',
    ],
    ['too many cores', ['--board', 'pixel6', '--smp', '9'], '9 CPUs are not possible on pixel6: 1 to 8'],
    [
      'an interrupt controller that the board lacks',
      ['--board', 'pixel6', '--gic-version', '2'],
      'GIC version 2 is not possible on pixel6: 3',
    ],
    [
      'an event kind that does not exist',
      ['--board', 'pixel6', '--trace', 'gremlins'],
      'unknown event kind "gremlins"',
    ],
    ['one file for two outputs', ['--board', 'pixel6', '--log', 'FOLDER/x', '--serial', 'FOLDER/./x'], 'the same file'],
    [
      'a vendor_boot.img without its kernel',
      ['--board', 'pixel6', '--vendor-boot', 'FOLDER/truncated.dtb'],
      '--vendor-boot goes with --kernel FILE',
    ],
    [
      "events of the modelled kernel where another guest's are traced",
      ['--board', 'pixel6', '--kernel', 'FOLDER/truncated.dtb', '--trace', 'irq,buddy,heap'],
      '--trace buddy,heap: only the modelled kernel tells of these',
    ],
    ['a seed that is no number', ['--board', 'pixel6', '--seed', 'lucky'], 'a whole number is wanted'],
    [
      'an empty text to wait for',
      ['--board', 'pixel6', '--fail-text', ''],
      '--fail-text: an empty text cannot be waited for',
    ],
    ['fixups without a tree', ['--board', 'pixel6', '--fixups', 'loader'], '--fixups goes with --dtb FILE'],
    ['fixups that do not exist', ['--board', 'pixel6', '--fixups', 'magic'], '--fixups magic: write none or loader'],
    [
      'a missing device tree',
      ['--board', 'pixel6', '--dtb', 'FOLDER/missing.dtb'],
      'missing.dtb: there is no such file',
    ],
    ['an empty device tree', ['--board', 'pixel6', '--dtb', 'FOLDER/empty.dtb'], 'empty.dtb: the file is empty'],
    ['a folder as a device tree', ['--board', 'pixel6', '--dtb', 'FOLDER'], ': it is a folder'],
    ['a missing initial RAM disk', ['--board', 'pixel6', '--initrd', 'FOLDER/missing.img'], '--initrd'],
    [
      'fixups on a tree that cannot be read',
      ['--board', 'pixel6', '--dtb', 'FOLDER/truncated.dtb', '--fixups', 'loader'],
      'FDT_ERR_TRUNCATED',
    ],
    [
      'a serial copy in a folder that does not exist',
      ['--board', 'pixel6', '--serial', 'FOLDER/none/a.txt'],
      'cannot be written: its folder does not exist',
    ],
    ['a log that is a folder', ['--board', 'pixel6', '--log', 'FOLDER'], 'cannot be written: it is a folder'],
    [
      'a report in a folder that does not exist',
      ['--board', 'pixel6', '--report', 'FOLDER/none/a.json'],
      'cannot be written: its folder does not exist',
    ],
    ['a report of another kind', ['--board', 'pixel6', '--report', 'FOLDER/a.txt'], 'the file name must end in .json'],
    [
      'a dump in a folder that does not exist',
      ['--board', 'pixel6', '--dump-dtb', 'FOLDER/none/a.dtb'],
      'cannot be written: its folder does not exist',
    ],
  ])('%s', (_what, args, message) => {
    const result = boot(...args.map((arg) => arg.replace('FOLDER', folder)));
    expect(result.status, result.stderr).toBe(2);
    expect(text(result)).toBe('');
    expect(result.stderr).toMatch(/^boot: /);
    expect(result.stderr).toContain(message);
    expect(result.stderr, 'no stack').not.toMatch(/^ +at /m);
  });
});

const noDtc = spawnSync('dtc', ['--version']).status !== 0 && process.env['CI'] !== 'true';

describe('--dump-dtb', () => {
  it.skipIf(noDtc).each(['pixel6', 'qemu-virt'])('of %s is a tree that dtc decompiles without an error', (board) => {
    boot('--board', board, '--dump-dtb', inFolder('for-dtc.dtb'));
    const dtc = spawnSync('dtc', ['-I', 'dtb', '-O', 'dts', inFolder('for-dtc.dtb')], { encoding: 'utf8' });
    expect(dtc.status, dtc.stderr).toBe(0);
    expect(dtc.stderr).not.toMatch(/ERROR/);
    expect(dtc.stdout).toContain('stdout-path');
  });

  it.each(['pixel6', 'qemu-virt'])('writes the tree that %s boots with, and stops', (board) => {
    const dumped = boot('--board', board, '--dump-dtb', inFolder('dumped.dtb'));
    expect([dumped.status, text(dumped), dumped.stderr]).toEqual([0, '', '']);
    const booted = boot('--board', board, '--dtb', inFolder('dumped.dtb'), '--quiet');
    expect(booted.status, booted.stderr).toBe(0);
    expect(booted.stdout.equals(boot('--board', board, '--quiet').stdout)).toBe(true);
  });

  it('to - writes to stdout', () => {
    const { status, stdout } = boot('--board', 'qemu-virt', '--dump-dtb', '-');
    expect(status).toBe(0);
    expect(stdout.readUInt32BE(0)).toBe(0xd00d_feed);
    expect(stdout).toHaveLength(stdout.readUInt32BE(4));
  });
});
