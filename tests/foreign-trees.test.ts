// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device trees from elsewhere: from dtc, from QEMU for its own machine, from Linux for the Pixel 6.
 * When a tool is not installed, the tests that need it are skipped by name. On continuous
 * integration it must be installed.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { bootBoard } from '#workbench/index.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import { DebianPackageError } from '#workbench/engine-library/debian-packages.ts';
import { upstreamOrioleDtb } from './support/upstream-oriole-dtb.ts';
import { boot } from '#workbench/testing.ts';
import { expectedMemory, findFaults } from './support/sound-machine.ts';
import { span } from './support/spans.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
const LOW = 0x8000_0000;
const HIGH = 0x8_8000_0000;

const isCi = process.env['CI'] === 'true';
const noDtc = spawnSync('dtc', ['--version']).status !== 0 && !isCi;
const noQemu = spawnSync('qemu-system-aarch64', ['--version']).status !== 0 && !isCi;

describe(`trees that dtc compiles${noDtc ? ' (skipped: dtc is not installed)' : ''}`, () => {
  const SOURCE = `/dts-v1/;
/memreserve/ 0x80400000 0x100000;
/memreserve/ 0x83000001 0x1;
/ {
  #address-cells = <2>; #size-cells = <1>;
  compatible = "test,board"; model = "Written by hand";
  chosen { bootargs = "quiet splash"; linux,initrd-start = <0x85000000>; linux,initrd-end = /bits/ 64 <0x85123456>; };
  ram@0 { device_type = "memory"; reg = <0x0 0x80000000 0x10000000>, <0x8 0x80000000 0x80000000>, <0x9 0x0 0x80000000>, <0x9 0x80000000 0x80000000>; };
  memory@90000000 { device_type = "memory"; reg = <0x0 0x90000000 0x1000>; status = "disabled"; };
  reserved-memory { #address-cells = <2>; #size-cells = <1>; ranges;
    firmware@81000000 { reg = <0x0 0x81000000 0x200000>, <0x8 0x90000000 0x1000000>; no-map; };
    off@84000000 { reg = <0x0 0x84000000 0x100000>; status = "disabled"; };
    cma { compatible = "shared-dma-pool"; reusable; size = <0x4000000>; alignment = <0x0 0x400000>; alloc-ranges = <0x8 0x80000000 0x40000000>; }; };
};`;

  it.skipIf(noDtc)('from text, with every kind of reservation', () => {
    const { stdout, stderr, status } = spawnSync('dtc', ['-q', '-I', 'dts', '-O', 'dtb', '-'], { input: SOURCE });
    expect(status, stderr.toString()).toBe(0);
    const { outcome, machine } = bootBoard('pixel6', { dtb: new Uint8Array(stdout) });
    expect(outcome.outcome, machine.serial.text).toBe('steady');
    expect(machine.serial.lines).toContain('[DTB] command line: quiet splash');
    expect(machine.serial.text).toContain('0x0880000000..0x0884000000  64 MiB  cma, placed by the kernel');
    expect(
      findFaults(machine, {
        ram: [span(LOW, 256 * MiB), span(HIGH, 6 * GiB)],
        reserved: [
          span(0x8040_0000, MiB),
          span(0x8300_0001, 1),
          span(0x8500_0000, 0x12_3456),
          { ...span(0x8100_0000, 2 * MiB), noMap: true },
          { ...span(0x8_9000_0000, 16 * MiB), noMap: true },
        ],
      }),
    ).toEqual([]);
    machine.close();
  });
});

describe(`QEMU’s own trees${noQemu ? ' (skipped: qemu-system-aarch64 is not installed)' : ''}`, () => {
  it.skipIf(noQemu).each([
    ['1G', GiB, 'virt'],
    ['8G', 8 * GiB, 'virt'],
    ['3G', 3 * GiB, 'virt,gic-version=3'],
  ])('-m %s boots on qemu-virt', (memory, bytes, machineType) => {
    const folder = mkdtempSync(join(tmpdir(), 'levitate-qemu-'));
    try {
      const file = join(folder, 'virt.dtb');
      const dump = spawnSync('qemu-system-aarch64', [
        '-M',
        `${machineType},dumpdtb=${file}`,
        '-m',
        memory,
        '-nic',
        'none',
        '-nographic',
      ]);
      expect(dump.status, dump.stderr.toString()).toBe(0);
      const { outcome, machine } = bootBoard('qemu-virt', { dtb: new Uint8Array(readFileSync(file)) });
      expect(outcome.outcome, machine.serial.text).toBe('steady');
      expect(machine.serial.text).toContain('[BOOT] console: /pl011@9000000, arm,pl011 at 0x0009000000');
      expect(findFaults(machine, { ram: [span(0x4000_0000, bytes)], reserved: [] })).toEqual([]);
      machine.close();
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** The blob, or the reason why it is not available here. */
async function upstreamTree(): Promise<Uint8Array | string> {
  try {
    return new Uint8Array(readFileSync(await upstreamOrioleDtb()));
  } catch (error) {
    if (error instanceof DebianPackageError && !isCi) return error.message;
    throw error;
  }
}
const upstream = await upstreamTree();

describe(`the upstream tree of the Pixel 6${typeof upstream === 'string' ? ` (skipped: ${upstream})` : ''}`, () => {
  const blob = typeof upstream === 'string' ? new Uint8Array(0) : upstream;

  it.skipIf(typeof upstream === 'string')('as it is has no RAM: the boot loader would name it', () => {
    expect(boot('pixel6', { dtb: blob })).toPanicWith('PANIC: No RAM regions found in DTB', /^regions found: 0, /);
  });

  it.skipIf(typeof upstream === 'string')(
    'with what the boot loader adds boots with the board’s banks and reservations',
    () => {
      const { outcome, machine } = bootBoard('pixel6', { dtb: blob, fixups: 'loader' });
      expect(outcome.outcome, machine.serial.text).toBe('steady');
      expect(machine.kernel.memory?.memMap).toMatchObject({ entries: 2_097_152, bytes: 50_331_648 });
      expect(findFaults(machine, expectedMemory(machine.board))).toEqual([]);
      const own = bootBoard('pixel6').machine;
      const regions = (of: LevitateMachine) =>
        of.serial.lines
          .filter((line) => /^\[MEM\] (RAM {6}|reserved )/.test(line) && !/device tree|debug/.test(line))
          .map((line) => line.replace(/@[0-9a-f]+/, ''));
      expect(regions(machine)).toEqual(regions(own));
      own.close();
      machine.close();
    },
  );
});
