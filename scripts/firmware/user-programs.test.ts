// SPDX-License-Identifier: GPL-2.0-only
/** Behaviour and output of the user programs, on a bare core that answers their system calls. */

import { describe, expect, it } from 'vitest';
import type { CoreEngine } from '#emulator/engine/engine.ts';
import { runProgram } from './testing/run-program.ts';

const EC_UNKNOWN = 0x00;
const EC_DATA_ABORT = 0x25;
const EC_INSTRUCTION_ABORT = 0x21;

describe('user programs', () => {
  it('init says that user space runs, waits for hello, and ends', () => {
    expect(runProgram('init')).toEqual({
      output: `init: user space runs, this is process 1
hello from process 2
init: hello, process 2, ended with status 0
init: done
`,
      status: 0n,
      fault: null,
      shutdown: null,
    });
  });

  it('child ends with the low bits of its pid', () => {
    expect(runProgram('child')).toMatchObject({ output: '', status: 1n });
  });

  it('eat takes all there is, finds it unchanged, and gives it back', () => {
    expect(runProgram('eat')).toMatchObject({
      output: 'eat: 1024 KiB, then ENOMEM\neat: all of it unchanged, and given back\n',
      status: 0n,
    });
  });

  it('stack goes down until it cannot', () => {
    const { output, fault } = runProgram('stack');
    expect(output.startsWith('stack: 4 pages\nstack: 8 pages\n')).toBe(true);
    // Nothing guards the stack here: a program that overflows it overwrites itself.
    expect([EC_UNKNOWN, EC_DATA_ABORT, EC_INSTRUCTION_ABORT]).toContain(fault);
  });

  it('wild shows what each call answers, and ends by its own store', () => {
    const { output, fault } = runProgram('wild');
    const answers = [...output.matchAll(/^wild: (.*): (E[A-Z]+|\d+)$/gm)].map(([, what, answer]) => [what, answer]);
    expect(answers).toEqual([
      ['write from 0', 'EFAULT'],
      ['write from the kernel', 'EFAULT'],
      ['write from no address', 'EFAULT'],
      ['write from nothing', 'EFAULT'],
      ['write across the end of the data', 'EFAULT'],
      ['write of 2^63 bytes', 'EFAULT'],
      ['read into the code', 'EFAULT'],
      ['read into the kernel', 'EFAULT'],
      ['spawn of a name at 0', 'EFAULT'],
      ['spawn of nothing there', 'ENOENT'],
      ['exec of a name in the kernel', 'EFAULT'],
      ['write to file 7', 'EBADF'],
      ['wait for a stranger', 'ECHILD'],
    ]);
    expect(output.endsWith('wild: and now a store to 0xdead0000\n')).toBe(true);
    expect(fault).toBe(EC_DATA_ABORT);
  });

  it('wtext, xdata and undef say what they are about to do', () => {
    // Without the MMU there are no rights to violate; the kernel's tests see these end.
    expect(runProgram('wtext').output).toBe('wtext: a store to the code\nwtext: it was allowed\n');
    expect(runProgram('xdata').output).toBe('xdata: a call into the data\nxdata: it was allowed\n');
    expect(runProgram('undef')).toMatchObject({ output: 'undef: an undefined instruction\n', fault: EC_UNKNOWN });
  });

  it('count, regs and fpu end well when nobody disturbs them, and mixed starts two of each', () => {
    const count = (pid: number) => [1, 2, 3, 4, 5].map((line) => `count ${pid}: ${line}\n`).join('');
    const kept = (name: string, pid: number) => `${name} ${pid}: all kept\n`;
    expect(runProgram('mixed')).toMatchObject({
      output: [
        count(2),
        count(3),
        kept('regs', 4),
        kept('regs', 5),
        kept('fpu', 6),
        kept('fpu', 7),
        'mixed: 6 of 6 ended with 0\n',
      ].join(''),
      status: 0n,
    });
  });
});

describe('regs and fpu', () => {
  const FPCR: readonly [number, number, number, number, number] = [3, 3, 4, 4, 0];

  it.each([1, 2, 7, 9, 15, 19, 29, 30])('regs notices a change of x%i', (register) => {
    const onYield = (engine: CoreEngine) => engine.setX(register, engine.getX(register) + 0x100n);
    expect(runProgram('regs', { onYield })).toMatchObject({
      output: `regs 1: changed: register ${register}\n`,
      status: 1n,
    });
  });

  it('regs notices another stack pointer', () => {
    const onYield = (engine: CoreEngine) => engine.setSp(engine.getSp() - 16n);
    expect(runProgram('regs', { onYield }).output).toBe('regs 1: changed: register 31\n');
  });

  it.each([0, 1, 16, 31])('fpu notices a change of q%i, in either half', (register) => {
    for (const bit of [1n, 1n << 127n]) {
      const onYield = (engine: CoreEngine) => engine.setV(register, engine.getV(register) ^ bit);
      expect(runProgram('fpu', { onYield })).toMatchObject({
        output: `fpu 1: changed: register ${register} (32 is FPCR, 33 FPSR)\n`,
        status: 1n,
      });
    }
  });

  it('fpu notices another rounding mode', () => {
    const onYield = (engine: CoreEngine) => {
      expect(engine.setSystemRegister(FPCR, 0n)).toBe(true);
    };
    expect(runProgram('fpu', { onYield }).output).toContain('changed: register 32 ');
  });
});

describe('sh', () => {
  /** The screen after the banner, and the end of the shell. */
  function shell(input: string) {
    const { output, status, shutdown } = runProgram('sh', { input });
    expect(output.startsWith('sh: type help\n$ ')).toBe(true);
    return { screen: output.slice('sh: type help\n'.length), status, shutdown };
  }

  it.each<[string, string, string]>([
    ['echoes what is typed, and prints it', 'echo a  b\n', '$ echo a  b\na  b\n$ \n'],
    ['has a pid', 'pid\n', '$ pid\n1\n$ \n'],
    ['runs a program by its name', 'hello\n', '$ hello\nhello from process 2\n$ \n'],
    ['runs a program after run', '  run   hello  \n', '$   run   hello  \nhello from process 2\n$ \n'],
    ['says a status that is not 0', 'child\n', '$ child\nchild: exit status 2\n$ \n'],
    ['says which program is not there', 'helo\n', '$ helo\nsh: helo cannot be started: ENOENT\n$ \n'],
    ['takes no part of a name for a built-in', 'pi\n', '$ pi\nsh: pi cannot be started: ENOENT\n$ \n'],
    ['says what run lacks', 'run\n', '$ run\nrun: the name of a program is missing\n$ \n'],
    ['does nothing for an empty line', '\n  \n', '$ \n$   \n$ \n'],
    ['takes a carriage return for the end of a line', 'pid\r', '$ pid\n1\n$ \n'],
    ['erases with backspace and delete', '\x7fpidxy\b\x7f\n', '$ pidxy\b \b\b \b\n1\n$ \n'],
    ['erases the line with Ctrl-U', 'xy\x15pid\n', '$ xy\b \b\b \bpid\n1\n$ \n'],
    ['abandons the line with Ctrl-C', 'xy\x03pid\n', '$ xy^C\n$ pid\n1\n$ \n'],
    ['ignores Ctrl-D inside a line, and other control characters', 'p\x04i\x01d\n', '$ pid\n1\n$ \n'],
  ])('%s', (_, input, screen) => {
    expect(shell(input)).toEqual({ screen, status: 0n, shutdown: null });
  });

  it('explains its words', () => {
    const { screen } = shell('help\n');
    for (const word of ['help', 'echo', 'pid', 'run', 'poweroff', 'reboot', 'exit']) {
      expect(screen).toContain(`\n${word}: `);
    }
  });

  it('ends with the status that is asked for, and at the end of input with 0', () => {
    expect(shell('exit 42\npid\n')).toMatchObject({ screen: '$ exit 42\n', status: 42n });
    expect(shell('exit\n').status).toBe(0n);
    expect(shell('\x04pid\n')).toMatchObject({ screen: '$ \n', status: 0n });
  });

  it('switches the machine off, or restarts it', () => {
    expect(shell('poweroff\npid\n')).toMatchObject({ screen: '$ poweroff\n', shutdown: 0n });
    expect(shell('reboot\n').shutdown).toBe(2n);
  });

  it('drops what does not fit a line', () => {
    const line = 'x'.repeat(120);
    expect(shell(`echo ${line}\n`).screen).toBe(`$ echo ${line.slice(0, 95)}\n${line.slice(0, 95)}\n$ \n`);
  });
});
