// SPDX-License-Identifier: GPL-2.0-only
/**
 * Debian's backported Linux (7.2 or newer) with the upstream device tree of the Pixel 6, as Debian
 * built both: eight cores, 8 GiB, to a shell on the gs101 serial line. Only the boot loader's
 * additions are made to the tree: memory, chosen, reserved regions.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import { bytesOf, foreignGuests } from '#tests/support/foreign-guest.ts';
import { type LinuxRun, runLinux } from '#tests/support/linux-guest.ts';

const guests = foreignGuests('linux-backports', 'oriole-dtb', 'busybox');
const isMissing = typeof guests === 'string';
const [kernel = '', tree = '', busybox = ''] = isMissing ? [] : guests;

const CORES = 8;
const GIB_IN_KIB = 2 ** 20;

const COMMANDS = {
  nproc: 'nproc',
  release: 'uname -r',
  model: 'tr -d "\\0" < /proc/device-tree/model',
  memory: 'grep MemTotal /proc/meminfo',
  console: 'tty; cat /sys/class/tty/console/active',
  banks: 'grep "System RAM" /proc/iomem',
  cores: `for n in $(seq 0 ${CORES - 1}); do taskset $(printf %x $((1 << n))) sh -c 'echo $((6 * 7))'; done`,
} as const;

describe.skipIf(isMissing)(`Linux on pixel6 with the upstream tree${isMissing ? ` (${guests})` : ''}`, () => {
  let run: LinuxRun;
  const answer = (name: keyof typeof COMMANDS): string => run.answers[Object.keys(COMMANDS).indexOf(name)] ?? '';
  beforeAll(() => {
    run = runLinux(
      kernel,
      busybox,
      { board: 'pixel6', dtb: bytesOf(tree), fixups: 'loader', append: 'console=ttySAC0,115200n8' },
      Object.values(COMMANDS),
    );
  });

  it('reaches /init and a shell on ttySAC0', () => {
    expect(run.reachedInit).toBe(true);
    expect(answer('console')).toContain('ttySAC0');
    expect(answer('model')).toMatch(/Pixel 6|Oriole/i);
    expect(Number(/^\d+\.\d+/.exec(answer('release'))?.[0])).toBeGreaterThanOrEqual(7.2);
  });

  it('brings up eight cores, each of which runs what is asked of it', () => {
    expect(answer('nproc')).toBe(String(CORES));
    expect(answer('cores').split('\n')).toEqual(Array.from({ length: CORES }, () => '42'));
  });

  it('counts both banks, without what the firmware keeps', () => {
    const kilobytes = Number(/\d+/.exec(answer('memory'))?.[0]);
    expect(kilobytes).toBeGreaterThan(7 * GIB_IN_KIB);
    expect(kilobytes).toBeLessThan(8 * GIB_IN_KIB);
    expect(answer('banks')).toMatch(/^80000000-/m);
    expect(answer('banks')).toMatch(/^880000000-9ffffffff/m);
  });

  it('powers off with exit status 0', () => {
    expect(run.outcome).toMatchObject({ outcome: 'poweroff', exitStatus: 0 });
  });
});
