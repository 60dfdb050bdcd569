// SPDX-License-Identifier: GPL-2.0-only
/**
 * The maintenance shell on whole machines: the answer of each command, compared with the machine
 * itself, and line editing.
 */

import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createMachine } from '#workbench/index.ts';
import type { LevitateMachine, MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { bootCommand, commandEnvironment } from './support/command.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

const PROMPT = 'levitate> ';
/** The bytes that erase a character on the screen. */
const ERASED = '\b \b';
const DIRECT_MAP = 0xffff_8000_0000_0000n;

const MACHINES: readonly (readonly [name: string, settings: MachineSettings])[] = [
  ['pixel6', { board: 'pixel6' }],
  ['qemu-virt', { board: 'qemu-virt' }],
  ['qemu-virt with a GICv3', { board: 'qemu-virt', gicVersion: 3 }],
];

function boot(settings: MachineSettings): LevitateMachine {
  const machine = createMachine(settings);
  expect(machine.run({ timeoutNs: 10e9 }).outcome, machine.serial.text).toBe('steady');
  expect(machine.serial.text.endsWith(PROMPT)).toBe(true);
  return machine;
}

/** Types a line. Returns the shell's output between the echo and the next prompt. */
function ask(machine: LevitateMachine, line: string): string {
  const from = machine.serial.text.length;
  machine.type(`${line}\n`);
  machine.run({ timeoutNs: 100e9 });
  const answer = machine.serial.text.slice(from);
  expect(answer.startsWith(`${line}\n`), answer).toBe(true);
  expect(answer.endsWith(PROMPT), answer).toBe(true);
  return answer.slice(line.length + 1, -PROMPT.length);
}

describe.each(MACHINES)('on %s', (_name, settings) => {
  let machine: LevitateMachine;
  beforeAll(() => {
    machine = boot(settings);
  });
  afterAll(() => machine.close());
  const memory = () => machine.kernel.memory!;

  it('help names every command, a line each', () => {
    const lines = ask(machine, 'help').trimEnd().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(
      'help meminfo buddyinfo heap slab regions pt frame ps ls run panic poweroff reboot'.split(' '),
    );
  });

  it('meminfo and buddyinfo give the numbers of the allocator', () => {
    const { totalFrames, freeFrames } = memory().buddy.counts();
    expect(ask(machine, 'meminfo')).toContain(`${totalFrames} managed`);
    expect(ask(machine, 'meminfo')).toContain(`: ${freeFrames} frames, `);
    const blocks = [...ask(machine, 'buddyinfo').matchAll(/^order +\d+ .* (\d+) free/gm)].map((match) =>
      Number(match[1]),
    );
    expect(blocks).toEqual(memory().buddy.buddyinfo());
  });

  it('heap, slab and regions say what there is', () => {
    const { used, allocations } = memory().heap.stats();
    expect(ask(machine, 'heap')).toContain(`${used} bytes used in ${allocations} allocation`);
    const caches = memory().slab.statistics();
    expect(ask(machine, 'slab').trimEnd().split('\n')).toHaveLength(Math.max(1, caches.length));
    const regions = ask(machine, 'regions').trimEnd().split('\n');
    expect(regions).toHaveLength([...memory().memblock.banks(), ...memory().memblock.reservedRanges()].length);
    expect(regions.some((line) => line.endsWith('  kernel image'))).toBe(true);
  });

  it('pt walks an address as the CPU does', () => {
    const text = machine.kernel.image.text.start;
    const answer = ask(machine, `pt 0x${(DIRECT_MAP + BigInt(text)).toString(16)}`);
    expect(answer).toMatch(/^L0 .*: table at .*\nL1 /);
    expect(answer).toContain(`-> 0x${text.toString(16)}\n`);
    expect(answer).toContain('attributes: normal WB, inner shareable, EL1 r-x, EL0 ---');
    expect(ask(machine, 'pt 0')).toContain('walks of the low half are off');
  });

  it('frame says what a frame is and why', () => {
    const { image } = machine.kernel;
    expect(ask(machine, `frame 0x${image.text.start.toString(16)}`)).toMatch(
      /RESERVED.*\n.*\nreserved at boot: .* kernel image\n$/,
    );
    const heap = memory().heap.ranges()[0]!.start;
    expect(ask(machine, `frame ${heap}`)).toMatch(/allocated block[^]*: kernel heap\n$/);
    // The console's L3 table came from the buddy, or from PT_POOL inside the image.
    expect(ask(machine, 'frame 0')).toContain('outside every bank of RAM');
  });

  it.each([
    ['pt', 'VA is missing'],
    ['pt zz', 'VA is "zz", which is no address'],
    ['pt 0x10000000000000000', 'VA is 0x10000000000000000, which needs more than 64 bits'],
    ['frame 0x1000000000000', 'PA is 0x1000000000000, which needs more than 48 bits'],
    ['run', 'FILE is missing'],
    ['run /no/such/file', 'FILE is "/no/such/file": '],
    ['frobnicate now', 'frobnicate: no such command; "help" lists them'],
  ])('%s: %s', (line, answer) => {
    expect(ask(machine, line)).toContain(answer);
  });

  it('after a program buddyinfo, heap and slab show what they showed before', () => {
    const look = (): string[] => ['buddyinfo', 'heap', 'meminfo', 'slab'].map((line) => ask(machine, line));
    const before = look();
    for (const program of ['hello', 'wild', 'stack', 'eat', 'spawns']) ask(machine, `run ${program}`);
    expect(look()).toEqual(before);
  });

  it('answers an empty line with a prompt alone', () => {
    expect(ask(machine, '')).toBe('');
    expect(ask(machine, '   ')).toBe('');
  });

  it('lets a line be corrected, erased and abandoned', () => {
    const answerTo = (typed: string): string => {
      const from = machine.serial.text.length;
      machine.type(typed);
      machine.run({ timeoutNs: 100e9 });
      return machine.serial.text.slice(from);
    };
    expect(answerTo('pd\x7fs\n').startsWith(`pd${ERASED}s\n`)).toBe(true);
    expect(answerTo('help\x15ps\n').startsWith('help\b\b\b\b    \b\b\b\bps\n')).toBe(true);
    expect(answerTo('help\x03')).toBe(`help^C\n${PROMPT}`);
    // A euro sign is one character; CR and CR LF end a line like LF.
    expect(answerTo('\u20ac\x7f\x1b[1;5Cps\r')).toContain(`ps\n`);
    expect(answerTo('nope\r\n').match(/levitate> /g)).toHaveLength(1);
  });

  it('ls lists what run starts, and Tab completes commands and programs', () => {
    const programs = ask(machine, 'ls').trimEnd().split('\n').slice(1);
    expect(programs.map((line) => line.trim().split(' ')[1])).toContain('spawns');
    expect(ask(machine, 'run nosuch')).toContain('the initramfs has no file nosuch');
    const from = machine.serial.text.length;
    machine.type('bud\t\x03ru\tspa\t\x03run s\tp\x03q\t\x03');
    machine.run({ timeoutNs: 100e9 });
    expect(machine.serial.text.slice(from)).toBe(
      `buddyinfo ^C\n${PROMPT}run spawns ^C\n${PROMPT}run s\nsh  spawns  stack\n${PROMPT}run sp^C\n${PROMPT}q\x07^C\n${PROMPT}`,
    );
  });

  it('Up brings earlier lines back', () => {
    ask(machine, 'run hello');
    ask(machine, 'heap');
    const from = machine.serial.text.length;
    machine.type('\x1b[A\x1b[A\n');
    machine.run({ timeoutNs: 100e9 });
    expect(machine.serial.text.slice(from)).toContain('hello from process');
  });

  it.each([
    ['typed while it runs', ['run count\n', '\x03']],
    ['typed before it was there', ['run count\nnever read\x03']],
  ])('Ctrl-C ends a program: %s', (_when, parts) => {
    const frames = memory().buddy.counts().freeFrames;
    const from = machine.serial.text.length;
    for (const part of parts) {
      machine.type(part);
      machine.run({ timeoutNs: 50e6 });
    }
    expect(machine.run({ timeoutNs: 10e9 }).outcome).toBe('steady');
    expect(machine.serial.text.slice(from)).toMatch(
      /run count\n(count \d+: \d\n)*\^C\n\[PROC\] pid \d+ \(count\) is ended: Ctrl-C\nlevitate> $/,
    );
    expect(memory().buddy.counts().freeFrames).toBe(frames);
  });

  it('Ctrl-C at the user shell is its own, and ends what it waits for', () => {
    const from = machine.serial.text.length;
    for (const part of ['run sh\n', 'pi\x03', 'count\n', '\x03', 'exit\n']) {
      machine.type(part);
      machine.run({ timeoutNs: 50e6 });
    }
    expect(machine.run({ timeoutNs: 10e9 }).outcome).toBe('steady');
    expect(machine.serial.text.slice(from)).toMatch(
      /\$ pi\^C\n\$ count\n[^]*is ended: Ctrl-C\ncount: exit status 130\n\$ exit/,
    );
  });

  it('waits without a tick and without an instruction', () => {
    const { instructions } = machine.machine.clock;
    expect(machine.run({ timeoutNs: 1000e9 }).outcome).toBe('steady');
    expect(machine.machine.clock.instructions - instructions).toBeLessThan(100);
  });
});

describe.each(MACHINES)('the last word on %s', (_name, settings) => {
  it('panic panics with the text, poweroff switches off, reboot boots again', () => {
    const panicked = boot(settings);
    panicked.type('panic because I say so\n');
    expect(panicked.run({ timeoutNs: 10e9 })).toMatchObject({ exitStatus: 1, panic: 'PANIC: because I say so' });
    expect(panicked.serial.lines.slice(-2)).toEqual(['PANIC: because I say so', 'asked for in the maintenance shell']);
    panicked.close();

    const machine = boot(settings);
    machine.type('reboot\n');
    // A reset is no end of a run: it ends at the next steady state.
    expect(machine.run({ timeoutNs: 100e9 }).outcome).toBe('steady');
    expect(machine.serial.text.match(/Stage 5: Steady State/g)).toHaveLength(2);
    machine.type('poweroff\nhelp\n');
    expect(machine.run({ timeoutNs: 100e9 })).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
    expect(machine.serial.text.endsWith('poweroff\n')).toBe(true);
    machine.close();
  });
});

it('a script on standard input is typed, and the command ends with it', () => {
  const run = (input: string) =>
    spawnSync(process.execPath, [...bootCommand(), '--board', 'pixel6'], {
      input,
      env: commandEnvironment(),
      timeout: HANG_GUARD_MS,
    });
  const off = run('help\nmeminfo\npoweroff\n');
  expect(off.status, off.stderr.toString()).toBe(0);
  expect(off.stdout.toString()).toContain('levitate> meminfo\nRAM       8 GiB');
  expect(off.stderr.toString()).toContain('powered off');
  // Without poweroff, the end of the input is the end of the run: nothing can wake the machine.
  const open = run('buddyinfo\n');
  expect(open.status).toBe(0);
  expect(open.stdout.toString()).toContain(' frames free\nlevitate> ');
});
