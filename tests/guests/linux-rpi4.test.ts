// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian's backported Linux with the upstream device tree of the Raspberry Pi 4, as Debian built
 * both: four cores out of the spin table, 4 GiB, to a shell on the PL011. Only the boot loader's
 * changes are made to the tree: memory, chosen, no Bluetooth chip on the line.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, foreignGuests } from '#tests/support/foreign-guest.ts';
import { type LinuxRun, runLinux } from '#tests/support/linux-guest.ts';

const guests = foreignGuests('linux-backports', 'rpi4-dtb', 'busybox');
const isMissing = typeof guests === 'string';
const [kernel = '', tree = '', busybox = ''] = isMissing ? [] : guests;

const CORES = 4;
const MIB_IN_KIB = 2 ** 10;

const COMMANDS = {
  nproc: 'nproc',
  model: 'tr -d "\\0" < /proc/device-tree/model',
  memory: 'grep MemTotal /proc/meminfo',
  console: 'tty; cat /sys/class/tty/console/active',
  banks: 'grep "System RAM" /proc/iomem',
  firmware: 'cat /proc/interrupts | grep -E "uart-pl011|mailbox" | wc -l',
  rate: 'mount -t debugfs d /sys/kernel/debug; cat /sys/kernel/debug/clk/uart/clk_rate',
  cores: `for n in $(seq 0 ${CORES - 1}); do taskset $(printf %x $((1 << n))) sh -c 'echo $((6 * 7))'; done`,
} as const;

describe.skipIf(isMissing)(`Linux on rpi4 with the upstream tree${isMissing ? ` (${guests})` : ''}`, () => {
  let run: LinuxRun;
  const answer = (name: keyof typeof COMMANDS): string => run.answers[Object.keys(COMMANDS).indexOf(name)] ?? '';
  beforeAll(() => {
    run = runLinux(
      kernel,
      busybox,
      {
        board: 'rpi4',
        dtb: bytesOf(tree),
        fixups: 'loader',
        append: 'console=ttyAMA0,115200n8',
        expectText: 'System halted instead',
      },
      Object.values(COMMANDS),
    );
  });

  it('reaches /init and a shell on ttyAMA0', () => {
    expect(run.reachedInit).toBe(true);
    expect(answer('console').split('\n')).toEqual(['/dev/ttyAMA0', 'ttyAMA0']);
    expect(answer('model')).toBe('Raspberry Pi 4 Model B');
  });

  it('brings up four cores, each of which runs what is asked of it', () => {
    expect(answer('nproc')).toBe(String(CORES));
    expect(answer('cores').split('\n')).toEqual(Array.from({ length: CORES }, () => '42'));
  });

  it('counts the banks that the firmware leaves', () => {
    const kilobytes = Number(/\d+/.exec(answer('memory'))?.[0]);
    expect(kilobytes).toBeGreaterThan(3600 * MIB_IN_KIB);
    expect(kilobytes).toBeLessThan(3956 * MIB_IN_KIB);
    expect(answer('banks')).toMatch(/^00000000-3b3fffff/m);
    expect(answer('banks')).toMatch(/^40000000-fbffffff/m);
  });

  it('talks to the firmware and has the UART at 48 MHz', () => {
    expect(run.serial).toMatch(/raspberrypi-firmware .*: Attached to firmware from/);
    expect(answer('firmware')).toBe('2');
    expect(answer('rate')).toBe('48000000');
  });

  it('halts: what would switch the board off is a module of this kernel', () => {
    expect(run.outcome).toMatchObject({ outcome: 'expected', exitStatus: 0 });
  });
});
