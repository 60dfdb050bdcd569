// SPDX-License-Identifier: GPL-2.0-only
/**
 * Device trees with odd values for memory, the initramfs or the console: the boot continues, or
 * ends with a reason, and one line names the odd value.
 */

import { describe, expect, it } from 'vitest';
import { PHYSICAL_BITS } from './support/engines.ts';
import { boot, type DeviceTreeBuilder, dtb } from '#workbench/testing.ts';

const MiB = 2 ** 20;
const RAM = 0x4000_0000;
const RAM_512M = dtb().ram(RAM, '512M');
const cell64 = (...values: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(8 * values.length);
  const view = new DataView(bytes.buffer);
  values.forEach((value, i) => view.setBigUint64(8 * i, BigInt(value)));
  return bytes;
};
const initrdAt = (tree: DeviceTreeBuilder, start: number, bytes: number): DeviceTreeBuilder =>
  tree.chosen({ initrd: { start, end: start + bytes } });

describe('an initramfs that the kernel cannot read is left out', () => {
  it.each([
    [
      'outside RAM',
      initrdAt(RAM_512M, 0x7000_0000, 0x1_0000),
      'it lies at 0x0070000000..0x0070010000, and none of it in the RAM of the device tree, 0x0040000000..0x0060000000',
    ],
    [
      'past the end of RAM',
      initrdAt(RAM_512M, 0x5fff_f000, 0x3000),
      'it lies at 0x005ffff000..0x0060002000, and 8192 bytes of it are not in the RAM of the device tree, 0x0040000000..0x0060000000',
    ],
    [
      'in a no-map region',
      initrdAt(RAM_512M, 0x5000_0000, 0x1_0000).reserved(0x5000_0000, '1M', { name: 'a', noMap: true }),
      'it lies at 0x0050000000..0x0050010000, and /reserved-memory/a@50000000, 0x0050000000..0x0050100000, must not be mapped',
    ],
  ])('%s', (_what, tree, why) => {
    const result = boot('qemu-virt', { dtb: tree });
    expect(result).toEndAs('steady');
    const warnings = result.machine.serial.lines.filter((line) => line.includes('warning'));
    expect(warnings).toEqual([`[MEM] warning: initramfs ignored: ${why}`]);
    expect(result.machine.serial.lines).toContain('[DTB] no initramfs');
  });
});

describe('what is odd about memory is said once', () => {
  it('regions of /reserved-memory that overlap, both by name', () => {
    const tree = RAM_512M.reserved(0x5000_0000, 0x8c0_0000, { name: 'a', noMap: true })
      .reserved(0x5200_0000, '64K', { name: 'b' })
      .reserved(0x5a00_0000, '64K', { name: 'c' });
    const result = boot('qemu-virt', { dtb: tree });
    expect(result).toEndAs('steady');
    expect(result.machine.serial.lines.filter((line) => line.includes('warning'))).toEqual([
      '[MEM] warning: /reserved-memory/a@50000000 (0x0050000000..0x0058c00000) and /reserved-memory/b@52000000 (0x0052000000..0x0052010000) overlap',
    ]);
  });

  it('linux,usable-memory-range limits the RAM', () => {
    const tree = RAM_512M.node('/chosen', { 'linux,usable-memory-range': cell64(RAM, 128 * MiB) });
    const result = boot('qemu-virt', { dtb: tree });
    expect(result).toEndAs('steady');
    expect(result.machine.serial.lines).toContain('[MEM] RAM      0x0040000000..0x0048000000  128 MiB');
    expect(result.machine.serial.text).toContain('keeps 402653184 bytes of RAM from being used');
  });

  it('a linux,usable-memory-range that is no range does not', () => {
    const tree = RAM_512M.node('/chosen', { 'linux,usable-memory-range': cell64(RAM) });
    const result = boot('qemu-virt', { dtb: tree });
    expect(result).toEndAs('steady');
    expect(result.machine.serial.lines).toContain('[MEM] RAM      0x0040000000..0x0060000000  512 MiB');
    expect(result.machine.serial.text).toContain('linux,usable-memory-range has 8 bytes, not a multiple of 16');
  });
});

describe('no RAM: the panic says what was there and why it does not count', () => {
  it.each([
    ['nothing', dtb(), 'no node below the root has device_type "memory"; a boot loader adds one'],
    [
      'switched off',
      dtb().ram(RAM, '1G', { status: 'disabled' }),
      '/memory@40000000 is switched off: its status is "disabled"',
    ],
    [
      'no device_type',
      dtb().node('/memory@40000000', { reg: cell64(RAM, 2 ** 30) }),
      '/memory@40000000 has no device_type: "memory" is needed',
    ],
    [
      'half a range',
      dtb().node('/memory@40000000', { device_type: 'memory', reg: cell64(RAM) }),
      'reg of /memory@40000000 has 8 bytes, less than one range of 16',
    ],
    [
      'a placeholder',
      dtb().node('/memory@40000000', { device_type: 'memory', reg: cell64(RAM, 0) }),
      '/memory@40000000 names 0 bytes at 0x40000000, to be filled in by a boot loader',
    ],
    [
      'beyond the core',
      dtb().ram(2 ** PHYSICAL_BITS, '1G'),
      `1073741824 bytes lie at or above 2^${PHYSICAL_BITS}, beyond the reach of this core, the first at 0x${(2 ** PHYSICAL_BITS).toString(16)}`,
    ],
    [
      'all of it left out',
      RAM_512M.node('/chosen', { 'linux,usable-memory-range': cell64(2 ** 32, 4096) }),
      'linux,usable-memory-range of /chosen leaves out 536870912 bytes',
    ],
  ])('%s', (_what, tree, why) => {
    const result = boot('qemu-virt', { dtb: tree });
    expect(result).toPanicWith('PANIC: No RAM regions found in DTB', `; ${why}`);
  });
});

describe('a console is believed when its registers are those of its kind', () => {
  const uartAt = (base: number, compatible: string): DeviceTreeBuilder =>
    RAM_512M.node(`/serial@${base.toString(16)}`, { compatible, reg: cell64(base, 0x1000) }).chosen({
      stdoutPath: `/serial@${base.toString(16)}`,
    });

  it.each([
    ['flash', 0x21c_0000, 'arm,pl011', "its identification is 0x00000000, a PrimeCell's 0xb105f00d"],
    ['nothing', 0x2000_0000, 'arm,pl011', 'nothing answers at its identification registers'],
    ['another PrimeCell', 0x901_0000, 'arm,pl011', "its part number is 0x031, a PL011's 0x011"],
    [
      'nothing, for a kind without identification',
      0x2000_0000,
      'google,gs101-uart',
      'nothing answers at its status registers',
    ],
    [
      'flash, for a kind without identification',
      0x21c_0000,
      'google,gs101-uart',
      'UTRSTAT 0x00000000 with UFSTAT 0x00000000 cannot be',
    ],
  ])('not over %s', (_what, base, compatible, why) => {
    const result = boot('qemu-virt', { dtb: uartAt(base, compatible) });
    expect(result).toEndAs('steady');
    expect(result.machine.serial.text).toContain(`: ${why}, staying on the early one at 0x0009000000\n`);
    expect(result.machine.serial.text).toContain('[BOOT] Stage 5');
  });
});
