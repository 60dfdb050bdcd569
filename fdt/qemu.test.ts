// SPDX-License-Identifier: GPL-2.0-only
/**
 * Against the trees that QEMU's `virt` machine makes. Skipped, by name, where QEMU is not
 * installed; never on continuous integration.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cpuReg } from './addresses.ts';
import { chosen } from './chosen.ts';
import { cpus, psci } from './cpus.ts';
import { Fdt } from './fdt.ts';
import { memoryRanges, memoryReservations } from './memory.ts';
import { reservedMemory } from './reserved-memory.ts';
import { readTree } from './tree.ts';
import { writeFdt } from './writer.ts';

const QEMU = 'qemu-system-aarch64';
const absent = spawnSync(QEMU, ['--version']).status !== 0 && process.env['CI'] !== 'true';

function dump(machine: string, ...options: readonly string[]): Fdt {
  const folder = mkdtempSync(join(tmpdir(), 'qemu-dtb-'));
  try {
    const file = join(folder, 'virt.dtb');
    const run = spawnSync(QEMU, ['-M', `${machine},dumpdtb=${file}`, '-nographic', '-nic', 'none', ...options]);
    if (run.error !== undefined) throw run.error;
    return Fdt.open(readFileSync(file));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe(`the device tree of QEMU’s virt machine${absent ? ` (skipped: ${QEMU} is not installed)` : ''}`, () => {
  it.skipIf(absent).each([
    ['1G', '2', 1, 0x4000_0000n, 'hvc'],
    ['8G', '3', 8, 0x2_0000_0000n, 'smc'],
  ] as const)('-m %s, GICv%s, %i cores', (memory, gic, cores, bytes, method) => {
    const el2 = method === 'smc' ? ',virtualization=on' : '';
    const fdt = dump(`virt,gic-version=${gic}${el2}`, '-m', memory, '-smp', String(cores), '-cpu', 'cortex-a53');
    expect(fdt.header).toMatchObject({ totalSize: 0x10_0000, version: 17, lastCompatibleVersion: 16 });
    expect(memoryRanges(fdt)).toEqual([
      { start: 0x4000_0000n, end: 0x4000_0000n + bytes, path: '/memory@40000000', hotpluggable: false },
    ]);
    expect(memoryReservations(fdt)).toEqual([]);
    expect(reservedMemory(fdt)).toEqual({ staticRegions: [], dynamicRegions: [], rejected: [], disabled: [] });
    expect(cpus(fdt).map(({ mpidr }) => Number(mpidr))).toEqual(Array.from({ length: cores }, (_, i) => i));
    expect(psci(fdt)).toMatchObject({ method, version: '1.0', functionIds: { cpu_on: 0xc400_0003 } });
    expect(chosen(fdt).stdout?.path).toBe('/pl011@9000000');
    expect(fdt.findCompatible('arm,pl011').map(cpuReg)).toEqual([[{ address: 0x900_0000n, size: 0x1000n }]]);
    expect(fdt.findCompatible('virtio,mmio')).toHaveLength(32);
    // A child of the interrupt controller, through its empty ranges.
    const [frame] = fdt.findCompatible('arm,gic-v2m-frame', 'arm,gic-v3-its').flatMap((found) => cpuReg(found) ?? []);
    expect(frame?.address).toBe(gic === '2' ? 0x802_0000n : 0x808_0000n);
    const tree = readTree(fdt);
    expect(readTree(Fdt.open(writeFdt(tree)))).toEqual(tree);
  });
});
