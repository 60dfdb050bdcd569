// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian 12's systemd as init, from its own units to a login on the serial line, under Debian 13's
 * Linux 6.12.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { guestDiskInitramfs } from '#scripts/guests/initramfs-file.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { answerOf, bytesOf, converse, foreignGuests, shellTurns } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('linux-6.12', 'debian-12', 'busybox');
const isMissing = typeof guests === 'string';
const [kernel = '', disk = '', busybox = ''] = isMissing ? [] : guests;
const why = isMissing ? ` (${guests})` : '';

const COMMANDS = [
  'systemctl is-active serial-getty@ttyAMA0.service multi-user.target',
  'systemctl list-units --failed --no-legend --plain | cut -d" " -f1',
  'findmnt -no FSTYPE /',
  'id -un',
];

describe.skipIf(isMissing)(`systemd on qemu-virt, four cores${why}`, () => {
  let outcome: Outcome;
  let text = '';

  beforeAll(() => {
    const machine = new LevitateMachine({
      board: 'qemu-virt',
      cpus: 4,
      seed: 1,
      kernel: bytesOf(kernel),
      initrd: guestDiskInitramfs(busybox) ?? expect.unreachable('the kernel has its modules'),
      append: 'console=ttyAMA0 loglevel=4 systemd.show_status=auto',
      drives: [{ file: disk, mode: 'overlay' }],
    });
    try {
      const [first, ...later] = shellTurns('-bash-5.2# ', COMMANDS, 'systemctl poweroff');
      outcome = converse(machine, [
        { after: 'levitate login: ', type: 'root\n' },
        ...(first === undefined ? [] : [first]),
        ...later,
      ]);
      text = machine.serial.text;
    } finally {
      machine.close();
    }
  });

  it('asks for a login on the serial line, and gives a shell', () => {
    expect(text).toMatch(/Debian GNU\/Linux 12 \S+ ttyAMA0/);
    expect(answerOf(text, 3)).toBe('root');
  });

  it('has started what its units ask for', () => {
    expect(answerOf(text, 0)).toBe('active\nactive');
    expect(answerOf(text, 1)).toBe('');
    expect(answerOf(text, 2)).toBe('ext4');
  });

  it('powers off when it is told to', () => {
    expect(outcome).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  });
});
