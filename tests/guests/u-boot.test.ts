// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian's U-Boot for QEMU's virt machine, in the flash of qemu-virt: it starts, answers commands,
 * powers off, and a second run is the same.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { answerOf, bytesOf, converse, foreignGuests, shellTurns } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('u-boot');
const isMissing = typeof guests === 'string';
const AUTOBOOT = 'Hit any key to stop autoboot';
const COMMANDS = ['version', 'bdinfo', 'md.b 0 10', 'md.l 40000000 1', 'printenv no-such-variable'] as const;
const [VERSION, BDINFO, FLASH, TREE, FAILURE] = [0, 1, 2, 3, 4] as const;

interface Run {
  readonly outcome: Outcome;
  readonly text: string;
  readonly instructions: number;
}

function run(image: Uint8Array): Run {
  const machine = new LevitateMachine({ board: 'qemu-virt', bios: image });
  const turns = [{ after: AUTOBOOT, type: ' ' }, ...shellTurns('\r\n=> ', COMMANDS, 'poweroff')];
  const outcome = converse(machine, turns);
  const { text } = machine.serial;
  machine.close();
  return { outcome, text, instructions: machine.machine.clock.instructions };
}

describe.skipIf(isMissing)(`U-Boot from flash${isMissing ? ` (${guests})` : ''}`, () => {
  let image: Uint8Array;
  let first: Run;
  beforeAll(() => {
    image = bytesOf(guests[0] as string);
    first = run(image);
  });

  it('shows its banner, finds the memory and the console, and prompts', () => {
    const lines = first.text.split('\r\n');
    expect(lines).toContainEqual(expect.stringMatching(/^U-Boot 20\d\d\.\d\d/));
    expect(lines).toContain('DRAM:  1 GiB');
    expect(lines).toContain('Flash: 64 MiB');
    expect(lines).toContain('Out:   pl011@9000000');
    expect(first.text).toContain('\r\n=> ');
  });

  it('answers version with its banner', () => {
    expect(answerOf(first.text, VERSION)).toMatch(/^U-Boot 20\d\d\.\d\d.*\n+.*gcc/);
  });

  it('answers bdinfo with the board’s bank of memory', () => {
    const answer = answerOf(first.text, BDINFO);
    expect(answer).toMatch(/-> start *= 0x0*40000000$/m);
    expect(answer).toMatch(/-> size *= 0x0*40000000$/m);
  });

  it('answers md with what lies in flash and in memory', () => {
    const bytes = [...image.subarray(0, 16)].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
    expect(answerOf(first.text, FLASH)).toMatch(new RegExp(`^00000000: ${bytes} `));
    // The device tree's magic number, stored big-endian.
    expect(answerOf(first.text, TREE)).toMatch(/^40000000: edfe0dd0 /);
  });

  it('says what is wrong with a command', () => {
    expect(answerOf(first.text, FAILURE)).toContain('"no-such-variable" not defined');
  });

  it('powers off with exit status 0', () => {
    expect(first.outcome).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  });

  it('does all of it again to the byte and to the instruction', () => {
    const second = run(image);
    expect(second).toEqual(first);
  });
});
