// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { PcieEcam } from './pcie-ecam.ts';
import { onBus } from './testing/device-bus.ts';

const at = (bus: number, device: number, fn: number, register = 0) =>
  bus * 2 ** 20 + device * 2 ** 15 + fn * 2 ** 12 + register;

describe('PcieEcam', () => {
  it('has the header of QEMU 7.2 at 0:0.0', () => {
    const ecam = new PcieEcam();
    const header = Array.from({ length: 64 }, (_, i) => ecam.read(4 * i));
    const expected = new Map([
      [0, 0x0008_1b36],
      [2, 0x0600_0000],
      [11, 0x1100_1af4],
    ]);
    expect(header).toEqual(header.map((_, i) => expected.get(i) ?? 0));
    const bus = onBus(ecam);
    expect([bus.read(0, 2), bus.read(2, 2), bus.read(0x0b, 1)]).toEqual([0x1b36, 0x0008, 0x06]);
  });

  it.each([
    ['another function', at(0, 0, 1)],
    ['another device', at(0, 1, 0)],
    ['another bus', at(1, 0, 0)],
    ['the last place', at(255, 31, 7, 0xffc)],
    ['the extended space of the host bridge', 0x100],
  ])('answers all ones for %s, and takes writes', (_name, offset) => {
    const ecam = new PcieEcam();
    ecam.write(offset, 4, 0);
    const bus = onBus(ecam);
    expect([bus.read(offset, 4), bus.read(offset, 2), bus.read(offset + 3, 1)]).toEqual([0xffff_ffff, 0xffff, 0xff]);
  });

  it('lets software change the bits that QEMU 7.2 lets it change, and reset undoes it', () => {
    const ecam = new PcieEcam();
    const before = Array.from({ length: 64 }, (_, i) => ecam.read(4 * i));
    const masks = new Map([
      [1, 0x0507],
      [3, 0xff],
      [15, 0xff],
    ]);
    for (let i = 0; i < 64; i++) ecam.write(4 * i, 4, 0xffff_ffff);
    expect(before.map((_, i) => ecam.read(4 * i))).toEqual(
      before.map((value, i) => (value | (masks.get(i) ?? 0)) >>> 0),
    );
    ecam.reset();
    expect(before.map((_, i) => ecam.read(4 * i))).toEqual(before);
  });

  it('changes only the bytes that a narrow write names', () => {
    const ecam = new PcieEcam();
    ecam.write(4, 2, 0x0006);
    ecam.write(5, 1, 0x04);
    expect(ecam.read(4)).toBe(0x0406);
    ecam.write(4, 1, 0x01);
    expect(ecam.read(4)).toBe(0x0401);
  });
});
