// SPDX-License-Identifier: GPL-2.0-only
/**
 * Against the device tree compiler: what dtc writes is read, what is written dtc reads as the same
 * tree. Skipped, by name, where dtc is not installed; never on continuous integration.
 */

import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { cpuReg } from './addresses.ts';
import { chosen } from './chosen.ts';
import { cpus, psci } from './cpus.ts';
import { Fdt } from './fdt.ts';
import { memoryRanges } from './memory.ts';
import { reservedMemory } from './reserved-memory.ts';
import { type FdtTree, readTree } from './tree.ts';
import { writeFdt } from './writer.ts';

const absent = spawnSync('dtc', ['--version']).status !== 0 && process.env['CI'] !== 'true';

function dtc(
  from: 'dts' | 'dtb',
  to: 'dts' | 'dtb',
  input: string | Uint8Array,
  ...options: readonly string[]
): Buffer {
  const run = spawnSync('dtc', ['-q', '-I', from, '-O', to, ...options, '-'], { input });
  if (run.error !== undefined) throw run.error;
  expect(run.stderr.toString()).toBe('');
  return run.stdout;
}

const SOURCE = `/dts-v1/;
/memreserve/ 0x80000000 0x10000;
/memreserve/ 0x0000000880000000 0x1001;
/ {
  #address-cells = <2>; #size-cells = <1>;
  compatible = "google,gs101-oriole", "google,gs101";
  aliases { serial0 = &uart; };
  chosen { bootargs = "console=ttySAC0 quiet"; stdout-path = "serial0:115200n8";
           linux,initrd-start = <0x86000000>; linux,initrd-end = /bits/ 64 <0x86800000>; };
  memory@80000000 { device_type = "memory"; reg = <0x0 0x80000000 0x80000000>; };
  memory@880000000 { device_type = "memory"; reg = <0x8 0x80000000 0x80000000>, <0x9 0 0x80000000>, <0x9 0x80000000 0x80000000>; };
  cpus { #address-cells = <1>; #size-cells = <0>;
    cpu@0 { device_type = "cpu"; compatible = "arm,cortex-a55"; reg = <0>; enable-method = "psci"; };
    cpu@700 { device_type = "cpu"; compatible = "arm,cortex-x1"; reg = <0x700>; enable-method = "psci"; }; };
  psci { compatible = "arm,psci-1.0"; method = "smc"; };
  reserved-memory { #address-cells = <2>; #size-cells = <1>; ranges;
    abl@f8800000 { reg = <0x0 0xf8800000 0x2000000>; no-map; };
    seclog { status = "disabled"; reg = <0x0 0xc3000000 0x80000>; };
    vframe { compatible = "shared-dma-pool"; reusable; size = <0x20000000>; alignment = <0 0x10000>;
             alloc-ranges = <0x9 0x80000000 0x80000000>, <0x0 0x80000000 0x80000000>; }; };
  soc@0 { compatible = "simple-bus"; #address-cells = <1>; #size-cells = <1>; ranges = <0 0 0 0x40000000>;
    uart: serial@10a00000 { compatible = "google,gs101-uart"; reg = <0x10a00000 0xc0>; odd = [01 02 03 04 05]; }; };
};`;

describe(`dtc${absent ? ' (skipped: it is not installed)' : ''}`, () => {
  it.skipIf(absent)('source compiled by dtc reads as what it says', () => {
    const fdt = Fdt.open(dtc('dts', 'dtb', SOURCE));
    expect(fdt.reservations).toEqual([
      { address: 0x8000_0000n, size: 0x1_0000n },
      { address: 0x8_8000_0000n, size: 0x1001n },
    ]);
    expect(memoryRanges(fdt).map(({ start, end }) => [start, end - start])).toEqual([
      [0x8000_0000n, 0x8000_0000n],
      [0x8_8000_0000n, 0x8000_0000n],
      [0x9_0000_0000n, 0x8000_0000n],
      [0x9_8000_0000n, 0x8000_0000n],
    ]);
    const reserved = reservedMemory(fdt);
    expect(reserved.staticRegions).toMatchObject([
      { name: 'abl@f8800000', start: 0xf880_0000n, end: 0xfa80_0000n, noMap: true },
    ]);
    expect(reserved.dynamicRegions).toMatchObject([
      { name: 'vframe', size: 0x2000_0000n, alignment: 0x1_0000n, reusable: true },
    ]);
    expect([reserved.rejected, reserved.disabled]).toEqual([[], ['/reserved-memory/seclog']]);
    const { stdout, ...rest } = chosen(fdt);
    expect(stdout?.path).toBe('/soc@0/serial@10a00000');
    expect(stdout && cpuReg(stdout)).toEqual([{ address: 0x10a0_0000n, size: 0xc0n }]);
    expect(rest).toMatchObject({
      bootargs: 'console=ttySAC0 quiet',
      stdoutOptions: '115200n8',
      initrd: { start: 0x8600_0000n, end: 0x8680_0000n },
    });
    expect(cpus(fdt).map(({ mpidr }) => mpidr)).toEqual([0n, 0x700n]);
    expect(psci(fdt)).toMatchObject({ method: 'smc', version: '1.0' });
  });

  it.skipIf(absent)('reading and writing dtc’s blob gives the same bytes', () => {
    const compiled = dtc('dts', 'dtb', SOURCE, '-b', '7');
    expect(Buffer.from(writeFdt(readTree(Fdt.open(compiled)))).equals(compiled)).toBe(true);
    const padded = dtc('dts', 'dtb', SOURCE, '-b', '7', '-S', '8192');
    expect(Buffer.from(writeFdt(readTree(Fdt.open(padded)), { padTo: 8192 })).equals(padded)).toBe(true);
  });

  it.skipIf(absent)('dtc decompiles what is written, and compiles that to the same tree', () => {
    const tree: FdtTree = readTree(Fdt.open(dtc('dts', 'dtb', SOURCE)));
    const text = dtc('dtb', 'dts', writeFdt(tree, { padTo: 0x10000 })).toString();
    expect(text).toContain('/memreserve/\t0x0000000880000000 0x0000000000001001;');
    expect(text).toContain('compatible = "google,gs101-oriole\\0google,gs101";');
    expect(readTree(Fdt.open(dtc('dts', 'dtb', text)))).toEqual(tree);
  });

  it.skipIf(absent)('version 16, which has no structure size, reads the same', () => {
    const now = readTree(Fdt.open(dtc('dts', 'dtb', SOURCE)));
    expect(readTree(Fdt.open(dtc('dts', 'dtb', SOURCE, '-V', '16')))).toEqual(now);
    expect(() => Fdt.open(dtc('dts', 'dtb', SOURCE, '-V', '3'))).toThrow('FDT_ERR_BADVERSION at offset 0x14');
  });
});
