// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { BusAbort } from '#emulator/bus/device.ts';
import { GicV3TestMachine } from './testing/test-machine.ts';

const SGI = 0x1_0000;
const ENABLE = 0x100;
const PEND = 0x200;
const ACTIVE = 0x300;
const CONFIG = 0xc00;

describe('GICv3: the non-secure view', () => {
  it('shows no group 0: registers, groups, WAKER', () => {
    const machine = new GicV3TestMachine(2, 'non-secure');
    for (const name of ['IAR0', 'EOIR0', 'BPR0', 'AP0R0', 'IGRPEN0', 'HPPIR0'] as const) {
      expect(machine.icc(0, name)).toBeUndefined();
      expect(machine.setIcc(0, name, 0)).toBe(false);
    }
    machine.setR(0, 0x14, 2);
    expect(machine.r(0, 0x14)).toBe(0);
    machine.setD(0x84, 0);
    expect([machine.d(0x84), machine.r(0, SGI + 0x80)]).toEqual([0, 0]);
    machine.setD(0, 0x37);
    expect(machine.d(0)).toBe(0x12);
  });

  it.each([
    // what Linux finds out: a write of 1 << (8 - PRIbits) reads zero when there is no group 0
    [0x08, 0x00],
    [0xf0, 0xf0],
    [0xf8, 0xf0],
    [0xff, 0xf0],
    [0x00, 0x00],
    [0xa0, 0xa0],
  ])('PMR written 0x%s reads 0x%s', (written, read) => {
    const machine = new GicV3TestMachine(1, 'non-secure');
    machine.setIcc(0, 'PMR', written);
    expect(machine.icc(0, 'PMR')).toBe(read);
  });

  it('shifts priorities, and the running one', () => {
    const machine = new GicV3TestMachine(1, 'non-secure').start();
    machine.setD(0x104, 1);
    machine.setD(0x420, 0xa8a0_f8a0);
    expect(machine.d(0x420)).toBe(0xa0a0_f0a0);
    machine.setIcc(0, 'PMR', 0xf0);
    machine.gic.setSpi(32, true);
    expect(machine.lines).toBe('I');
    expect(machine.icc(0, 'IAR1')).toBe(32);
    expect(machine.icc(0, 'RPR')).toBe(0xa0);
    machine.setIcc(0, 'EOIR1', 32);
    expect(machine.icc(0, 'RPR')).toBe(0xff);
  });

  it('sends group 1 SGIs only, and only EOImode of CTLR can be written', () => {
    const machine = new GicV3TestMachine(1, 'non-secure').start();
    machine.setR(0, SGI + ENABLE, 3);
    machine.setIcc(0, 'SGI0R', 1);
    machine.setIcc(0, 'ASGI1R', 1);
    expect(machine.lines).toBe('-');
    machine.setIcc(0, 'SGI1R', 1);
    expect(machine.lines).toBe('I');
    machine.setIcc(0, 'CTLR', 3);
    expect(machine.icc(0, 'CTLR')).toBe(0x8402);
  });
});

describe('GICv3: accesses', () => {
  it.each([
    [ENABLE, 1],
    [0x0000, 2],
    [0x0400 + 64, 2],
    [0x6100, 1],
    [0x0c08, 1],
  ] as const)('the distributor refuses at offset %i width %i', (offset, width) => {
    // INTIDs 0..31 are not in the distributor at all: offsets of the second register word
    const at = offset === ENABLE ? offset + 4 : offset;
    const { distributor } = new GicV3TestMachine().gic;
    expect(() => distributor.read(at, width)).toThrow(BusAbort);
    expect(() => distributor.write(at, width, 0)).toThrow(BusAbort);
  });

  it.each([0x800, 0x821, 0xbff, 0xf10, 0xf2f])(
    'offset %i, bytes without affinity routing, is zero by the byte',
    (offset) => {
      const { gic, context } = new GicV3TestMachine();
      gic.distributor.write(offset, 1, 0xff);
      expect(gic.distributor.read(offset, 1)).toBe(0);
      expect(gic.distributor.read(offset & ~3, 4)).toBe(0);
      expect(() => gic.distributor.read(offset & ~3, 2)).toThrow(BusAbort);
      expect(context.events).toEqual([]);
    },
  );

  it('priorities are bytes in both places', () => {
    const { distributor, redistributors } = new GicV3TestMachine(2).gic;
    distributor.write(0x400 + 33, 1, 0x48);
    expect(distributor.read(0x420, 4)).toBe(0x4800);
    redistributors.write(0x2_0000 + SGI + 0x400 + 27, 1, 0x58);
    expect(redistributors.read(0x2_0000 + SGI + 0x418, 4)).toBe(0x5800_0000);
    expect(redistributors.read(SGI + 0x418, 4)).toBe(0);
  });

  it('PPIs are level or edge as ICFGR1 says, per core', () => {
    const machine = new GicV3TestMachine(2).start();
    machine.setR(1, SGI + CONFIG + 4, 2 << 22);
    machine.setR(1, SGI + CONFIG, 0);
    expect([machine.r(1, SGI + CONFIG), machine.r(1, SGI + CONFIG + 4), machine.r(0, SGI + CONFIG + 4)]).toEqual([
      0xaaaa_aaaa,
      2 << 22,
      0,
    ]);
    for (const cpu of [0, 1]) {
      machine.gic.setPpi(cpu, 27, true);
      machine.gic.setPpi(cpu, 27, false);
    }
    expect([machine.r(0, SGI + PEND), machine.r(1, SGI + PEND), machine.r(1, SGI + ACTIVE)]).toEqual([0, 1 << 27, 0]);
  });

  it('unknown registers are zero and reported once; space after the last core too', () => {
    const machine = new GicV3TestMachine(1);
    expect([machine.d(0x2000), machine.r(0, 0x3000), machine.r(0, SGI + 0x104), machine.r(1, 0x8)]).toEqual([
      0, 0, 0, 0,
    ]);
    machine.setR(0, 0x3000, 1);
    machine.setD(0x2000, 1);
    for (const quiet of [0x000c, 0x0010, 0x0804, 0x0d08, 0x0f00]) machine.d(quiet);
    machine.r(0, 0x70);
    expect(machine.context.events.map(({ device, offset }) => [device, offset])).toEqual([
      ['gicd', '0x2000'],
      ['gicr', '0x3000'],
      ['gicr', '0x10104'],
      ['gicr', '0x20008'],
    ]);
  });
});

describe('GICv3: registers of the virtual interface', () => {
  const VTR = [3, 4, 12, 11, 1] as const;
  const EISR = [3, 4, 12, 11, 3] as const;
  const ELRSR = [3, 4, 12, 11, 5] as const;
  const LR2 = [3, 4, 12, 12, 2] as const;

  it('remember, per core', () => {
    const { gic } = new GicV3TestMachine(2);
    expect(gic.writeSystemRegister(1, LR2, 1n << 62n)).toBe(true);
    expect([gic.readSystemRegister(0, LR2), gic.readSystemRegister(1, LR2)]).toEqual([0n, 1n << 62n]);
    expect(gic.readSystemRegister(1, ELRSR)).toBe(0b1011n);
    expect(gic.readSystemRegister(0, VTR)).toBe(0x9030_0003n);
    expect(gic.writeSystemRegister(0, VTR, 0n)).toBe(false);
  });

  it('tells which empty list register asks for a maintenance interrupt at its end', () => {
    const { gic } = new GicV3TestMachine();
    const ending = 1n << 41n;
    gic.writeSystemRegister(0, LR2, ending);
    expect([gic.readSystemRegister(0, EISR), gic.readSystemRegister(0, ELRSR)]).toEqual([0b100n, 0b1011n]);
    gic.writeSystemRegister(0, LR2, ending | (1n << 61n)); // bit 41 belongs to pINTID with HW = 1
    expect([gic.readSystemRegister(0, EISR), gic.readSystemRegister(0, ELRSR)]).toEqual([0n, 0b1111n]);
    gic.writeSystemRegister(0, LR2, ending | (1n << 62n));
    expect([gic.readSystemRegister(0, EISR), gic.readSystemRegister(0, ELRSR)]).toEqual([0n, 0b1011n]);
  });

  it('has four list registers', () => {
    const { gic } = new GicV3TestMachine();
    expect(gic.readSystemRegister(0, [3, 4, 12, 12, 3])).toBe(0n);
    expect(gic.readSystemRegister(0, [3, 4, 12, 12, 4])).toBeUndefined();
    expect(gic.writeSystemRegister(0, [3, 4, 12, 13, 0], 0n)).toBe(false);
  });
});
