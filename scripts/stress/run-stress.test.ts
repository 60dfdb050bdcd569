// SPDX-License-Identifier: GPL-2.0-only
/**
 * The comparison of machines with every kind of end. The machines are Node programs that print a
 * guest's text.
 */

import { describe, expect, it } from 'vitest';
import type { MachineCommand } from './machines.ts';
import { compareMachines, type StressOptions } from './run-stress.ts';

/** A machine that prints `lines` and then does what `last` says. */
function machine(name: string, lines: readonly string[], last = ''): MachineCommand {
  const text = JSON.stringify(lines.map((line) => `${line}\r\n`).join(''));
  // Written before it ends, however it ends.
  return { name, program: process.execPath, args: ['-e', `require('fs').writeSync(1, ${text}); ${last}`] };
}

const options: StressOptions = {
  cpus: 1,
  seed: 1,
  scale: 1,
  restSeconds: 0,
  rounds: 1,
  guestSeconds: 1000,
  parts: [],
  withQemu: true,
  say: () => {},
};
const ROUND = ['= 0 begin', '= 1 shell x', '# 10.5 2.1', '= 0 end'];
const forever = 'setInterval(() => {}, 1000)';
const run = (own: MachineCommand, reference: MachineCommand | null, more: Partial<StressOptions> = {}) =>
  compareMachines(own, reference, { ...options, ...more });

describe('compareMachines', () => {
  it('finds nothing where both say the same, and waits for the slower one', async () => {
    const slow = `setTimeout(() => console.log('= 0 end'), 300); ${forever}`;
    const { fault, lines, guestSeconds, idleShare } = await run(
      machine('ours', ['[    1.0] kernel', ...ROUND]),
      machine('QEMU', ROUND.slice(0, -1), slow),
    );
    expect(fault).toBeNull();
    expect(lines.map(({ part }) => part)).toEqual(['begin', 'shell', 'end']);
    expect(guestSeconds).toBe(10.5);
    expect(idleShare).toBeCloseTo(0.2);
  });

  it('ends both at the first difference', async () => {
    const { fault } = await run(
      machine('ours', ['= 0 begin', '= 1 shell y'], forever),
      machine('QEMU', ['= 0 begin', '= 1 shell x'], forever),
    );
    expect(fault).toMatch(/^round 1, part shell:\n {2}ours: = 1 shell y\n {2}QEMU: = 1 shell x$/);
  });

  it.each([
    [
      'dies by a signal',
      ROUND.slice(0, 2),
      'process.kill(process.pid, "SIGSEGV")',
      /after round 1, part shell: ended by SIGSEGV/,
    ],
    [
      'dies at once',
      [],
      'console.error("no engine"); process.exitCode = 70',
      /before the first part: exit status 70\nno engine/,
    ],
    ['powers off before the end', ROUND.slice(0, 2), '', /after round 1, part shell: exit status 0/],
    ['comes to its limit before the end', ROUND.slice(0, 2), 'process.exitCode = 3', /exit status 3/],
    ['has an oops', ['[    1.0] Internal error: Oops'], forever, /the kernel on ours says: .*Oops/],
    ['hashes wrongly', ['= 1 disk same 00'], forever, /ours: same 00\n {2}this host: same 8debf443/],
  ])('finds a machine that %s', async (_, lines, last, message) => {
    expect((await run(machine('ours', lines, last), null)).fault).toMatch(message);
  });

  it.each([
    [800, null],
    [699, 'this machine stood still after round 1, part shell: nothing for 301 s of its time'],
  ])('takes a guest that has come to its limit of 1000 s and last spoke at %d s for what it is', async (at, fault) => {
    const lines = ['= 1 shell x', `# ${at}.0 0.0`];
    const result = await run(machine('ours', lines, 'process.exitCode = 3'), null, { rounds: 0 });
    expect(result.fault).toBe(fault);
  });

  it('finds a reference that stops before ours', async () => {
    const { fault } = await run(machine('ours', ROUND), machine('QEMU', ROUND.slice(0, 1), 'process.exitCode = 1'));
    expect(fault).toMatch(/^QEMU ended early: exit status 1/);
  });

  it('gives what was compared when it is interrupted', async () => {
    const interrupt = new AbortController();
    const say = () => interrupt.abort();
    const { fault, lines } = await run(machine('ours', ROUND.slice(0, 1), forever), machine('QEMU', [], forever), {
      say,
      signal: interrupt.signal,
    });
    expect(fault).toBeNull();
    expect(lines).toHaveLength(1);
  });
});
