// SPDX-License-Identifier: GPL-2.0-only
/**
 * Both boards' UARTs, programmed and polled by guest code in assembly; and PSCI by each board's
 * conduit, called by guest code.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { bootGuest, type Guest, type GuestBoard, type GuestOptions } from './support/guest-machine.ts';
import { qemuVersion, runInQemu } from './support/qemu-transcript.ts';

const guests: Guest[] = [];

function boot(name: string, options?: GuestOptions): Guest {
  const guest = bootGuest(name, options);
  guests.push(guest);
  return guest;
}

afterEach(() => {
  for (const guest of guests.splice(0)) guest.machine.close();
});

const type = (guest: Guest, text: string): void => guest.console.receive(new TextEncoder().encode(text));

const BOARDS = [
  // FR: TXFE, RXFE. UTRSTAT: transmitter and its buffer empty, nothing received.
  { board: 'qemu-virt', status: '90', register: 'CR.UARTEN' },
  { board: 'pixel6', status: '6', register: 'UCON' },
] as const;

describe.each(BOARDS)('the UART of $board', ({ board, status, register }) => {
  const echo = () => boot(`echo-${board}`, { board });
  const UNTIL_IT_WAITS = { maxInstructions: 20_000 };

  it('is idle and empty once it is programmed', () => {
    const guest = echo();
    guest.run(UNTIL_IT_WAITS);
    expect(guest.serial.text).toBe(`status=${status}\nready\n`);
  });

  it('loses what is sent while it is off, and an event says so', () => {
    const guest = echo();
    guest.run(UNTIL_IT_WAITS);
    expect(guest.serial.text).not.toContain('X');
    expect(guest.console.lostCharacters).toBe(1);
    const [lost, resumed] = guest.machine.events.get('uart').map(({ fields }) => fields);
    expect(lost).toMatchObject({ what: 'lost', byte: '0x58' });
    expect(String(lost?.['register'])).toContain(register);
    expect(resumed).toMatchObject({ what: 'resumed', lost: 1 });
  });

  it('brings typed characters to the guest, which answers in upper case and powers off at q', () => {
    const guest = echo();
    guest.run(UNTIL_IT_WAITS);
    type(guest, 'Hello, ');
    expect(guest.run({ maxInstructions: 40_000 })).toEqual({ kind: 'limit', limit: 'instructions' });
    expect(guest.serial.text).toBe(`status=${status}\nready\nHELLO, `);
    type(guest, 'w{orld`z~q and no more');
    expect(guest.run()).toEqual({ kind: 'power off' });
    expect(guest.serial.text).toBe(`status=${status}\nready\nHELLO, W{ORLD\`Z~\nbye\n`);
  });

  it('takes a text longer than its FIFO, typed before the guest has programmed it', () => {
    const guest = echo();
    const text = 'abcdefghij'.repeat(100);
    type(guest, `${text}q`);
    expect(guest.run()).toEqual({ kind: 'power off' });
    expect(guest.serial.text).toBe(`status=${board === 'pixel6' ? '7' : 'c0'}\nready\n${text.toUpperCase()}\nbye\n`);
  });

  it('sends a character once when the machine is stopped at it', () => {
    const guest = echo();
    const stops: number[] = [];
    guest.serial.watch('rea', () => {
      stops.push(guest.serial.byteLength);
      guest.machine.stop();
    });
    expect(guest.run()).toEqual({ kind: 'stopped' });
    expect(guest.serial.text).toBe(`status=${status}\nrea`);
    expect(stops).toEqual([guest.serial.byteLength]);
    guest.run(UNTIL_IT_WAITS);
    expect(guest.serial.text).toBe(`status=${status}\nready\n`);
  });
});

/** The lines of calls-*.S: which conduit answers, which is undefined (ESR 0x2000000). */
const CALLS = [
  ['VERSION', '10001', '0'],
  ['MIGRATE_INFO_TYPE', '2', '0'],
  ['FEATURES of VERSION', '0', '84000000'],
  ['FEATURES of SYSTEM_OFF', '0', '84000008'],
  ['FEATURES of an unknown function', 'ffffffffffffffff', '84000077'],
  ['SMCCC_VERSION', '10001', '0'],
  ['unknown', 'ffffffffffffffff', '0'],
  ['unknown, 64 bits', 'ffffffffffffffff', '0'],
] as const;

describe.each([
  { board: 'qemu-virt', conduit: 'hvc' },
  { board: 'pixel6', conduit: 'smc' },
] as const)('PSCI of $board', ({ board, conduit }) => {
  const calls = (action: bigint): Guest => boot(`calls-${board satisfies GuestBoard}`, { board, parameter: action });

  it(`answers ${conduit} with x1 to x3 kept, and the other is undefined`, () => {
    const guest = calls(0n);
    expect(guest.run()).toEqual({ kind: 'power off' });
    expect(guest.serial.lines).toEqual(
      CALLS.map(([name, answer, x1]) => {
        const other = '2000000';
        const [hvc, smc] = conduit === 'hvc' ? [answer, other] : [other, answer];
        return `${name} hvc=${hvc} smc=${smc} x1=${x1} x2=a2 x3=a3`;
      }),
    );
  });

  it('resets: the machine stops with that, and does it again after a reset', () => {
    const guest = calls(1n);
    expect(guest.run()).toEqual({ kind: 'reset' });
    const once = guest.serial.text;
    expect(once).not.toContain('still here');
    guest.machine.reset(guest.base);
    expect(guest.run()).toEqual({ kind: 'reset' });
    expect(guest.serial.text).toBe(once + once);
    expect(guest.machine.events.get('power').map(({ fields }) => fields.action)).toEqual(['reset', 'reset']);
  });
});

describe('PSCI in QEMU 7.2', () => {
  const kept = readFileSync(join(packageRoot(), 'tests', 'transcripts', 'calls-qemu-virt.qemu-7.2.txt'), 'utf8');

  it('answers as here, except that it lacks SMCCC_VERSION, which is called from a PSCI 1.0 kernel', () => {
    const guest = boot('calls-qemu-virt');
    guest.run();
    const here = guest.serial.text.split('\n');
    const there = kept.split('\n');
    expect(here.filter((line, index) => line !== there[index])).toEqual([
      'SMCCC_VERSION hvc=10001 smc=2000000 x1=0 x2=a2 x3=a3',
    ]);
  });

  it.skipIf(qemuVersion() !== '7.2')('is what QEMU prints today', async () => {
    expect(
      await runInQemu('calls-qemu-virt', 'virt', '64 bits hvc=ffffffffffffffff smc=2000000 x1=0 x2=a2 x3=a3\n'),
    ).toBe(kept);
  });
});
