// SPDX-License-Identifier: GPL-2.0-only
/**
 * From flash to user space as a computer does it: UEFI starts GRUB from a disk, GRUB loads Linux,
 * and Linux comes up by its EFI stub.
 */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { guestEfiDisk } from '#scripts/guests/initramfs-file.ts';
import { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { answerOf, bytesOf, converse, foreignGuests, shellTurns } from '#tests/support/foreign-guest.ts';

const guests = foreignGuests('uefi-padded', 'grub', 'linux-6.1', 'busybox');
const isMissing = typeof guests === 'string';
const why = isMissing ? ` (${guests})` : '';
const [bios = ''] = isMissing ? [] : guests;

const COMMANDS = ['cat /proc/cmdline', 'nproc', 'ls /sys/firmware/efi', 'cat /sys/class/rtc/rtc0/name'] as const;
const [COMMAND_LINE, CORES, EFI, CLOCK] = [0, 1, 2, 3] as const;

const CPUS = 4;

describe.skipIf(isMissing)(`UEFI padded to its bank, GRUB, Linux; four cores with GICv3${why}`, () => {
  let folder = '';
  let outcome: Outcome;
  let text = '';

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'levitate-efi-'));
    const disk = join(folder, 'disk.img');
    writeFileSync(disk, guestEfiDisk() ?? expect.unreachable('all that it is made of is there'));
    const drives = [{ file: disk, mode: 'overlay' }] as const;
    const settings = { board: 'qemu-virt', cpus: CPUS, gicVersion: 3, bios: bytesOf(bios), drives } as const;
    const machine = new LevitateMachine(settings);
    try {
      const menu = { after: 'The highlighted entry will be executed', type: '\r' };
      outcome = converse(machine, [menu, ...shellTurns('/root # ', COMMANDS, 'poweroff')]);
      text = machine.serial.text;
    } finally {
      machine.close();
    }
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('goes from one to the next', () => {
    const steps = [
      'UEFI firmware (version',
      'BdsDxe: starting Boot0001',
      'Welcome to GRUB!',
      'Loading Linux ...',
      'EFI stub: Booting Linux Kernel...',
      'EFI stub: Using DTB from configuration table',
      'Booting Linux on physical CPU 0x0000000000',
      'efi: EFI v2.70 by EDK II',
      'Run /init as init process',
      'LEVITATE-INIT-READY',
    ];
    const at = steps.map((step) => text.indexOf(step));
    expect(at).not.toContain(-1);
    expect(at).toEqual(at.toSorted((a, b) => a - b));
  });

  it('gives Linux GRUB’s command line and all cores', () => {
    expect(answerOf(text, COMMAND_LINE)).toBe('BOOT_IMAGE=/vmlinuz console=ttyAMA0');
    expect(answerOf(text, CORES)).toBe(String(CPUS));
  });

  it('gives Linux the firmware’s services, which it calls', () => {
    expect(answerOf(text, EFI)).toMatch(/^efivars\s+fw_platform_size\s+systab$/);
    expect(answerOf(text, CLOCK)).toBe('rtc-efi rtc-efi.0');
  });

  it('powers off when it is told to', () => {
    expect(outcome).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  });
});
