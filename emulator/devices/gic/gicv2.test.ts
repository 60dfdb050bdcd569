// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { BusAbort } from '#emulator/bus/device.ts';
import { GicV2 } from './gicv2.ts';
import { GicV2TestMachine } from './testing/test-machine.ts';

const [IAR, EOIR, RPR, HPPIR, AIAR, AEOIR, AHPPIR, DIR] = [0xc, 0x10, 0x14, 0x18, 0x20, 0x24, 0x28, 0x1000];
const GRP0 = 1;
const GRP1 = 2;
const ACKCTL = 4;
const FIQEN = 8;
const EOIMODE = 0x200;

/** A machine whose SPI 40 (INTID) is enabled, goes to core 0 and has priority 0xa0. */
function withSpi40(cpus = 1, control = GRP0): GicV2TestMachine {
  const machine = new GicV2TestMachine(cpus).start(control);
  machine.setD(0x104, 1 << 8);
  machine.gic.distributor.write(0x800 + 40, 1, 1);
  machine.gic.distributor.write(0x400 + 40, 1, 0xa0);
  return machine;
}

describe('GICv2: identification and reset', () => {
  it.each([
    ['TYPER, 1 core, 64 SPIs', 1, 64, 0x004, 0x02],
    ['TYPER, 8 cores, 256 SPIs', 8, 256, 0x004, 0xe8],
    ['IIDR', 1, 64, 0x008, 0x43b],
    ['PIDR2', 1, 64, 0xfe8, 0x2b],
    ['CIDR3', 1, 64, 0xffc, 0xb1],
    ['CTLR', 1, 64, 0x000, 0],
    ['ISENABLER0: SGIs cannot be disabled', 1, 64, 0x100, 0xffff],
    ['ICFGR0: SGIs are edge-triggered', 1, 64, 0xc00, 0xaaaa_aaaa],
    ['ICFGR1', 1, 64, 0xc04, 0],
    ['ITARGETSR0 of a single core', 1, 64, 0x800, 0],
    ['SGIR', 1, 64, 0xf00, 0],
  ])('%s', (_, cpus, spis, offset, value) => {
    expect(new GicV2TestMachine(cpus, spis).d(offset)).toBe(value);
  });

  it.each([
    ['CTLR', 0x00, 0],
    ['PMR', 0x04, 0],
    ['BPR', 0x08, 2],
    ['ABPR', 0x1c, 3],
    ['IAR', 0x0c, 1023],
    ['RPR', 0x14, 0xff],
    ['HPPIR', 0x18, 1023],
    ['IIDR', 0xfc, 0x2043b],
  ])('CPU interface: %s', (_, offset, value) => {
    expect(new GicV2TestMachine().c(offset)).toBe(value);
  });

  it('tells each core its own mask in ITARGETSR0..7', () => {
    const machine = new GicV2TestMachine(4);
    for (let cpu = 0; cpu < 4; cpu++) {
      for (let offset = 0x800; offset < 0x820; offset += 4) {
        expect(machine.on(cpu).d(offset)).toBe(0x0101_0101 * (1 << cpu));
      }
    }
  });

  it.each([0, 9])('refuses %i cores', (cpus) => {
    expect(() => new GicV2TestMachine(cpus)).toThrow(RangeError);
  });

  it('returns to the reset state but for the level of its inputs', () => {
    const machine = withSpi40(2);
    machine.gic.setSpi(40, true);
    expect(machine.c(IAR)).toBe(40);
    machine.gic.cpuInterface.reset();
    machine.gic.distributor.reset();
    expect([machine.d(0), machine.d(0x104), machine.d(0x304), machine.d(0x828), machine.c(RPR)]).toEqual([
      0, 0, 0, 0, 0xff,
    ]);
    expect(machine.d(0x204)).toBe(1 << 8);
    expect(machine.lines).toBe('--');
  });
});

describe('GICv2: life of an interrupt', () => {
  it('a level stays pending until the device lowers it', () => {
    const machine = withSpi40();
    machine.gic.setSpi(40, true);
    expect(machine.lines).toBe('I');
    expect(machine.c(IAR)).toBe(40);
    expect(machine.lines).toBe('-'); // active and pending is not forwarded
    expect([machine.d(0x204), machine.d(0x304)]).toEqual([1 << 8, 1 << 8]);
    machine.setC(EOIR, 40);
    expect(machine.lines).toBe('I');
    machine.gic.setSpi(40, false);
    expect(machine.lines).toBe('-');
    expect(machine.c(IAR)).toBe(1023);
  });

  it('an edge is remembered, and once only', () => {
    const machine = withSpi40();
    machine.setD(0xc08, 2 << 16);
    machine.gic.setSpi(40, true);
    machine.gic.setSpi(40, true);
    machine.gic.setSpi(40, false);
    expect(machine.c(IAR)).toBe(40);
    expect(machine.d(0x204)).toBe(0);
    machine.setC(EOIR, 40);
    expect(machine.lines).toBe('-');
  });

  it('an edge while active makes it active and pending', () => {
    const machine = withSpi40();
    machine.setD(0xc08, 2 << 16);
    machine.gic.setSpi(40, true);
    expect(machine.c(IAR)).toBe(40);
    machine.gic.setSpi(40, false);
    machine.gic.setSpi(40, true);
    expect(machine.lines).toBe('-');
    machine.setC(EOIR, 40);
    expect(machine.c(IAR)).toBe(40);
  });

  it('ICPENDR takes back ISPENDR but not a level', () => {
    const machine = withSpi40();
    machine.setD(0x204, 1 << 8);
    expect(machine.lines).toBe('I');
    machine.setD(0x284, 1 << 8);
    expect(machine.lines).toBe('-');
    machine.gic.setSpi(40, true);
    machine.setD(0x284, 1 << 8);
    expect(machine.lines).toBe('I');
  });

  it.each([
    ['the distributor', (m: GicV2TestMachine) => m.setD(0, 0)],
    ['the CPU interface', (m: GicV2TestMachine) => m.setC(0, 0)],
    ['ICENABLER', (m: GicV2TestMachine) => m.setD(0x184, 1 << 8)],
    ['the mask', (m: GicV2TestMachine) => m.setC(4, 0xa0)],
    ['ISACTIVER', (m: GicV2TestMachine) => m.setD(0x304, 1 << 8)],
    ['ITARGETSR', (m: GicV2TestMachine) => m.setD(0x828, 0x02)],
  ])('%s keeps a pending interrupt from the core', (_, stop) => {
    const machine = withSpi40(2);
    machine.gic.setSpi(40, true);
    expect([machine.lines, machine.gic.pendingFor(0)]).toEqual(['I-', true]);
    stop(machine);
    expect([machine.gic.irqLine(0), machine.gic.pendingFor(0), machine.c(IAR)]).toEqual([false, false, 1023]);
  });

  it('an SPI with two targets goes to the first core that takes it', () => {
    const machine = withSpi40(3);
    machine.setD(0x828, 0x06);
    machine.gic.setSpi(40, true);
    expect(machine.lines).toBe('-II');
    expect(machine.on(2).c(IAR)).toBe(40);
    expect(machine.lines).toBe('---');
    expect(machine.on(1).c(IAR)).toBe(1023);
  });

  it('a PPI belongs to its core', () => {
    const machine = new GicV2TestMachine(2).start();
    machine.on(1).setD(0x100, 1 << 27);
    machine.gic.setPpi(0, 27, true);
    machine.gic.setPpi(1, 27, true);
    expect(machine.lines).toBe('-I');
    expect(machine.on(1).c(IAR)).toBe(27);
    expect([machine.on(0).d(0x300), machine.on(1).d(0x300)]).toEqual([0, 1 << 27]);
  });

  it('calls back once for each change of a line', () => {
    const machine = withSpi40();
    machine.gic.setSpi(40, true);
    machine.gic.setSpi(40, true);
    machine.c(IAR);
    expect(machine.changes).toEqual([
      [0, true, false],
      [0, false, false],
    ]);
  });

  it.each([31, 96, 1020])('has no shared input %i', (intid) => {
    expect(() => new GicV2TestMachine(1, 64).gic.setSpi(intid, true)).toThrow(RangeError);
  });

  it.each([
    [0, 15],
    [0, 32],
    [1, 27],
  ])('has no private input of core %i, INTID %i', (cpu, intid) => {
    expect(() => new GicV2TestMachine(1).gic.setPpi(cpu, intid, true)).toThrow(RangeError);
  });
});

describe('GICv2: priorities', () => {
  /** INTIDs 32 and 33 pending with these priorities, on one core. */
  function pair(first: number, second: number, bpr = 2): GicV2TestMachine {
    const machine = new GicV2TestMachine().start(GRP0);
    machine.setC(0x8, bpr);
    machine.setD(0x104, 3);
    machine.setD(0x420, (second << 8) | first);
    machine.gic.setSpi(32, true);
    return machine;
  }

  it.each([
    [0xa0, 0xa0, 32],
    [0xa0, 0x98, 33],
    [0xa7, 0xa0, 32], // the low 3 bits are RAZ/WI
  ])('0x%s and 0x%s: %i comes first', (first, second, winner) => {
    const machine = pair(first, second);
    machine.gic.setSpi(33, true);
    expect(machine.c(HPPIR)).toBe(winner);
    expect(machine.c(IAR)).toBe(winner);
  });

  it.each([
    // running, new, BPR, preempts
    [0xa0, 0x98, 2, true],
    [0xa0, 0xa0, 2, false],
    [0xa0, 0x98, 4, true],
    [0xb8, 0xa0, 4, false], // both in group priority 0xa0
    [0xb8, 0x98, 4, true],
    [0xf0, 0x00, 7, false], // no group priority at all
  ])('while 0x%s runs, 0x%s with BPR %i: preempts %s', (running, next, bpr, preempts) => {
    const machine = pair(running, next, bpr);
    expect(machine.c(IAR)).toBe(32);
    machine.gic.setSpi(33, true);
    expect(machine.lines).toBe(preempts ? 'I' : '-');
    expect(machine.c(IAR)).toBe(preempts ? 33 : 1023);
  });

  it('RPR follows nested interrupts and their ends', () => {
    const machine = pair(0xa0, 0x80);
    machine.c(IAR);
    expect(machine.c(RPR)).toBe(0xa0);
    machine.gic.setSpi(33, true);
    machine.c(IAR);
    expect([machine.c(RPR), machine.c(0xd0)]).toEqual([0x80, 2 ** 16 + 2 ** 20]);
    machine.setC(EOIR, 33);
    expect(machine.c(RPR)).toBe(0xa0);
    machine.setC(EOIR, 32);
    expect(machine.c(RPR)).toBe(0xff);
  });

  it('EOImode splits priority drop and deactivation', () => {
    const machine = withSpi40(1, GRP0 | EOIMODE);
    machine.gic.setSpi(40, true);
    machine.c(IAR);
    machine.setC(EOIR, 40);
    expect([machine.c(RPR), machine.d(0x304), machine.lines]).toEqual([0xff, 1 << 8, '-']);
    machine.setC(DIR, 40);
    expect([machine.d(0x304), machine.lines]).toEqual([0, 'I']);
  });

  it('without EOImode DIR does nothing', () => {
    const machine = withSpi40();
    machine.gic.setSpi(40, true);
    machine.c(IAR);
    machine.setC(DIR, 40);
    expect(machine.d(0x304)).toBe(1 << 8);
  });
});

describe('GICv2: groups', () => {
  /** SPI 40 pending in group 1. */
  function inGroup1(control: number): GicV2TestMachine {
    const machine = withSpi40(1, control);
    machine.setD(0x84, 1 << 8);
    machine.gic.setSpi(40, true);
    return machine;
  }

  it.each([
    [GRP0, '-', 1023, 1023],
    [GRP0 | GRP1, 'I', 1022, 40],
    [GRP0 | GRP1 | ACKCTL, 'I', 40, 1023],
    [GRP1 | FIQEN, 'I', 1022, 40],
  ])('group 1 with CTLR %i: line %s, IAR %i, then AIAR %i', (control, lines, iar, aiar) => {
    const machine = inGroup1(control);
    expect([machine.lines, machine.c(HPPIR)]).toEqual([lines, iar]);
    expect(machine.c(AHPPIR)).toBe(lines === 'I' ? 40 : 1023);
    expect([machine.c(IAR), machine.c(AIAR)]).toEqual([iar, aiar]);
  });

  it('group 1 below the mask is spurious to IAR, but HPPIR sees past the mask', () => {
    const machine = inGroup1(GRP0 | GRP1);
    machine.setC(0x4, 0x80);
    expect([machine.lines, machine.c(IAR), machine.c(HPPIR), machine.c(AHPPIR)]).toEqual(['-', 1023, 1022, 40]);
  });

  it('group 0 is an FIQ with FIQEn, and AIAR does not take it', () => {
    const machine = withSpi40(1, GRP0 | GRP1);
    machine.gic.setSpi(40, true);
    expect(machine.lines).toBe('I');
    machine.setC(0, GRP0 | GRP1 | FIQEN);
    expect(machine.lines).toBe('F');
    expect([machine.c(AIAR), machine.c(IAR)]).toEqual([1023, 40]);
    machine.setC(AEOIR, 40);
    expect(machine.c(RPR)).toBe(0xa0);
  });

  it('AEOIR ends group 1, whose active priorities are in NSAPR0', () => {
    const machine = inGroup1(GRP1);
    machine.c(AIAR);
    expect([machine.c(0xd0), machine.c(0xe0)]).toEqual([0, 2 ** 20]);
    machine.setC(AEOIR, 40);
    expect([machine.c(0xe0), machine.d(0x304)]).toEqual([0, 0]);
  });
});

describe('GICv2: software-generated interrupts', () => {
  it.each([
    ['list', 0x0005_0003, 'I-I-'],
    ['list with an absent core', 0x00f0_0003, '----'],
    ['others', 0x0100_0003, 'I-II'],
    ['self', 0x0200_0003, '-I--'],
  ])('SGIR of core 1, filter %s', (_, value, expected) => {
    const machine = new GicV2TestMachine(4).start();
    machine.on(1).setD(0xf00, value);
    expect(machine.lines).toBe(expected);
  });

  it('each source is taken on its own, the lowest first, and EOIR names it', () => {
    const machine = new GicV2TestMachine(4).start();
    machine.on(3).setD(0xf00, 0x0001_0005);
    machine.on(1).setD(0xf00, 0x0001_0005);
    expect(machine.on(0).gic.distributor.read(0xf25, 1)).toBe(0b1010);
    expect(machine.c(HPPIR)).toBe(0x405);
    expect(machine.c(IAR)).toBe(0x405);
    expect(machine.c(IAR)).toBe(1023);
    machine.setC(EOIR, 0x405);
    expect(machine.c(IAR)).toBe(0xc05);
    machine.setC(EOIR, 0xc05);
    expect([machine.c(IAR), machine.d(0x200)]).toEqual([1023, 0]);
  });

  it('SPENDSGIR and CPENDSGIR set and clear sources; ISPENDR and ICPENDR do not', () => {
    const machine = new GicV2TestMachine(4).start();
    machine.gic.distributor.write(0xf22, 1, 0xff);
    expect([machine.d(0xf20), machine.d(0x200)]).toEqual([0x000f_0000, 1 << 2]);
    machine.setD(0x280, 0xffff);
    machine.setD(0x200, 0xffff);
    expect(machine.d(0x200)).toBe(1 << 2);
    machine.setD(0xf10, 0x00ff_0000);
    expect(machine.d(0x200)).toBe(0);
  });
});

describe('GICv2: accesses', () => {
  it.each([
    [0x400 + 33, 0x48],
    [0x800 + 33, 0x03],
  ])('bytes at 0x%s reach one interrupt', (offset, value) => {
    const { distributor } = new GicV2TestMachine(2).gic;
    distributor.write(offset, 1, value);
    expect(distributor.read(offset, 1)).toBe(value);
    expect(distributor.read(offset - 1, 4)).toBe(value << 8);
  });

  it.each([
    [0x100, 1],
    [0x000, 2],
    [0x400, 2],
    [0x800, 2],
    [0xc00, 1],
  ] as const)('offset %i refuses width %i', (offset, width) => {
    const { distributor } = new GicV2TestMachine().gic;
    expect(() => distributor.read(offset, width)).toThrow(BusAbort);
    expect(() => distributor.write(offset, width, 0)).toThrow(BusAbort);
  });

  it('the CPU interface takes words only', () => {
    const { cpuInterface } = new GicV2TestMachine().gic;
    expect(() => cpuInterface.read(0x4, 1)).toThrow(BusAbort);
    expect(() => cpuInterface.write(0x4, 2, 0)).toThrow(BusAbort);
  });

  it('fields of absent interrupts are zero and ignore writes', () => {
    const machine = new GicV2TestMachine(1, 40);
    for (const offset of [0x104, 0x108, 0x10c, 0x408 + 0x60, 0x17c]) machine.setD(offset, 0xffff_ffff);
    expect([machine.d(0x104), machine.d(0x108), machine.d(0x10c)]).toEqual([0xffff_ffff, 0xff, 0]);
    expect(machine.d(0x408 + 0x60)).toBe(0);
  });

  it('unknown registers are zero and reported once', () => {
    const machine = new GicV2TestMachine();
    expect([machine.d(0x00c), machine.d(0x00c), machine.c(0x2000), machine.d(0x1100)]).toEqual([0, 0, 0, 0]);
    machine.setC(0x2000, 1);
    expect(machine.context.events.map(({ device, offset }) => [device, offset])).toEqual([
      ['gicd', '0xc'],
      ['gicc', '0x2000'],
      ['gicd', '0x1100'],
    ]);
  });

  it('is a controller for 988 SPIs at most', () => {
    expect(new GicV2TestMachine(1, 988).d(4)).toBe(31);
    expect(() => new GicV2TestMachine(1, 989)).toThrow(RangeError);
    expect(new GicV2TestMachine(1, 988).gic).toBeInstanceOf(GicV2);
  });
});
