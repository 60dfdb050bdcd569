// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { GicV3TestMachine, type IccName } from './testing/test-machine.ts';

const SGI = 0x1_0000;
const ENABLE = 0x100;

/**
 * All interrupts in group 1, INTID 40 enabled with priority 0xa0, routed to affinity 0 (core 0).
 */
function withSpi40(cpus = 1): GicV3TestMachine {
  const machine = new GicV3TestMachine(cpus).start();
  for (let cpu = 0; cpu < cpus; cpu++) {
    machine.setR(cpu, SGI + 0x80, 0xffff_ffff);
    machine.setR(cpu, SGI + ENABLE, 0xffff);
  }
  machine.setD(0x84, 0xffff_ffff);
  machine.setD(0x104, 1 << 8);
  machine.gic.distributor.write(0x400 + 40, 1, 0xa0);
  return machine;
}

describe('GICv3: identification and reset', () => {
  it.each([
    ['GICD_CTLR, one security state', 'single', 0x0000, 0x50],
    ['GICD_CTLR, non-secure', 'non-secure', 0x0000, 0x10],
    ['GICD_TYPER', 'single', 0x0004, 0x0378_0002],
    ['GICD_TYPER with SecurityExtn', 'non-secure', 0x0004, 0x0178_0402],
    ['GICD_IIDR', 'single', 0x0008, 0x43b],
    ['GICD_PIDR2', 'single', 0xffe8, 0x3b],
    ['GICD_ISENABLER0 lives in the redistributors', 'single', 0x0100, 0],
    ['GICD_IROUTER40', 'single', 0x6140, 0],
  ] as const)('%s', (_, view, offset, value) => {
    expect(new GicV3TestMachine(1, view).d(offset)).toBe(value);
  });

  it.each([
    ['GICR_CTLR', 0x0000, 0],
    ['GICR_WAKER', 0x0014, 6],
    ['GICR_PIDR2', 0xffe8, 0x3b],
    ['GICR_ISENABLER0', SGI + 0x100, 0],
    ['GICR_ICFGR0: SGIs are edge-triggered', SGI + 0xc00, 0xaaaa_aaaa],
    ['GICR_IGROUPR0', SGI + 0x080, 0],
    ['GICR_IGRPMODR0', SGI + 0xd00, 0],
  ])('%s', (_, offset, value) => {
    expect(new GicV3TestMachine(2).r(1, offset)).toBe(value);
  });

  it('walks the redistributors to the last one by TYPER', () => {
    const machine = new GicV3TestMachine([0x000, 0x8100_0100, 0x12_0034_5678]);
    expect([0, 1, 2].map((cpu) => [machine.r(cpu, 0x8), machine.r(cpu, 0xc)])).toEqual([
      [0x000, 0x000],
      [0x100, 0x0000_0100],
      [0x210, 0x1234_5678],
    ]);
  });

  it.each([
    ['PMR', 0],
    ['BPR0', 2],
    ['BPR1', 3],
    ['CTLR', 0x8400],
    ['SRE_EL1', 7],
    ['SRE_EL2', 0xf],
    ['SRE_EL3', 0xf],
    ['CTLR_EL3', 0x8400],
    ['IGRPEN0', 0],
    ['IGRPEN1', 0],
    ['IGRPEN1_EL3', 0],
    ['RPR', 0xff],
    ['IAR1', 1023],
    ['HPPIR1', 1023],
    ['AP0R0', 0],
    ['AP1R0', 0],
  ] as const)('ICC_%s', (name, value) => {
    expect(new GicV3TestMachine().icc(0, name)).toBe(value);
  });

  it.each(['AP0R1', 'AP1R3', 'EOIR1', 'SGI1R', 'DIR'] as const)('ICC_%s cannot be read', (name) => {
    expect(new GicV3TestMachine().icc(0, name)).toBeUndefined();
  });

  it.each(['AP0R1', 'IAR1', 'RPR', 'HPPIR0'] as const)('ICC_%s cannot be written', (name) => {
    expect(new GicV3TestMachine().setIcc(0, name, 0)).toBe(false);
  });

  it('leaves other system registers to others', () => {
    const { gic } = new GicV3TestMachine();
    expect(gic.readSystemRegister(0, [3, 0, 0, 0, 5])).toBeUndefined();
    expect(gic.readSystemRegister(0, [2, 0, 12, 12, 5])).toBeUndefined();
    expect(gic.writeSystemRegister(0, [3, 0, 1, 0, 0], 0n)).toBe(false);
  });

  it('refuses two cores with one affinity, and no core', () => {
    expect(() => new GicV3TestMachine([0, 0x8000_0000])).toThrow(RangeError);
    expect(() => new GicV3TestMachine([])).toThrow(RangeError);
  });

  it('returns to the reset state but for the level of its inputs', () => {
    const machine = withSpi40(2);
    machine.gic.setSpi(40, true);
    expect(machine.icc(0, 'IAR1')).toBe(40);
    machine.gic.distributor.reset();
    machine.gic.redistributors.reset();
    expect([machine.d(0), machine.d(0x104), machine.d(0x304), machine.r(1, 0x14)]).toEqual([0x50, 0, 0, 6]);
    expect([machine.icc(0, 'PMR'), machine.icc(0, 'RPR'), machine.r(0, SGI + 0x80)]).toEqual([0, 0xff, 0]);
    expect(machine.d(0x204)).toBe(1 << 8);
  });

  it('resets one CPU interface when its core is powered up again', () => {
    const machine = withSpi40(2);
    machine.gic.setSpi(40, true);
    machine.gic.resetCpu(0);
    expect([machine.icc(0, 'PMR'), machine.icc(0, 'IGRPEN1'), machine.lines]).toEqual([0, 0, '--']);
    expect(machine.icc(1, 'PMR')).toBe(0xf8);
  });
});

describe('GICv3: groups and lines', () => {
  it.each([
    // group, IAR0, IAR1
    [0, 'F', 40, 1023],
    [1, 'I', 1023, 40],
  ])('group %i drives %s', (group, lines, iar0, iar1) => {
    const machine = withSpi40();
    machine.setD(0x84, group << 8);
    machine.gic.setSpi(40, true);
    expect(machine.lines).toBe(lines);
    expect([machine.icc(0, 'HPPIR0'), machine.icc(0, 'HPPIR1')]).toEqual([iar0, iar1]);
    const other: IccName = group === 0 ? 'IAR1' : 'IAR0';
    expect(machine.icc(0, other)).toBe(1023);
    expect(machine.icc(0, group === 0 ? 'IAR0' : 'IAR1')).toBe(40);
    expect(machine.icc(0, group === 0 ? 'AP0R0' : 'AP1R0')).toBe(2 ** 20);
    machine.setIcc(0, group === 0 ? 'EOIR1' : 'EOIR0', 40); // the wrong one
    expect(machine.icc(0, 'RPR')).toBe(0xa0);
    machine.setIcc(0, group === 0 ? 'EOIR0' : 'EOIR1', 40);
    expect([machine.icc(0, 'RPR'), machine.lines]).toEqual([0xff, lines]);
  });

  it('an interrupt of a group that the interface has disabled does not hide one of the other', () => {
    const machine = withSpi40();
    machine.setD(0x104, 3 << 8);
    machine.setD(0x84, 1 << 8); // 41 in group 0, more urgent
    machine.gic.setSpi(40, true);
    machine.gic.setSpi(41, true);
    expect(machine.lines).toBe('F');
    machine.setIcc(0, 'IGRPEN0', 0);
    expect([machine.lines, machine.icc(0, 'IAR1')]).toEqual(['I', 40]);
  });

  it.each([
    ['GICD_CTLR', (m: GicV3TestMachine) => m.setD(0, 1)],
    ['ICC_IGRPEN1', (m: GicV3TestMachine) => m.setIcc(0, 'IGRPEN1', 0)],
    ['ICC_IGRPEN1_EL3', (m: GicV3TestMachine) => m.setIcc(0, 'IGRPEN1_EL3', 0)],
    ['ICC_PMR', (m: GicV3TestMachine) => m.setIcc(0, 'PMR', 0xa0)],
    ['IROUTER to nobody', (m: GicV3TestMachine) => m.setD(0x6140, 0x42)],
    ['IROUTER Aff3', (m: GicV3TestMachine) => m.setD(0x6144, 1)],
    ['ICENABLER', (m: GicV3TestMachine) => m.setD(0x184, 1 << 8)],
  ])('%s keeps a pending interrupt from the core', (_, stop) => {
    const machine = withSpi40();
    machine.gic.setSpi(40, true);
    expect([machine.lines, machine.gic.pendingFor(0)]).toEqual(['I', true]);
    stop(machine);
    expect([machine.lines, machine.gic.pendingFor(0), machine.icc(0, 'IAR1')]).toEqual(['-', false, 1023]);
  });

  it('a sleeping redistributor forwards nothing but asks for power', () => {
    const machine = withSpi40();
    machine.gic.setSpi(40, true);
    machine.setIcc(0, 'IGRPEN1', 0);
    machine.setR(0, 0x14, 2);
    expect([machine.r(0, 0x14), machine.lines, machine.icc(0, 'HPPIR1')]).toEqual([6, '-', 1023]);
    expect(machine.gic.pendingFor(0)).toBe(true);
    machine.gic.setSpi(40, false);
    expect(machine.gic.pendingFor(0)).toBe(false);
    machine.setR(0, 0x14, 0);
    expect(machine.r(0, 0x14)).toBe(0);
  });
});

describe('GICv3: priorities', () => {
  it.each([
    // group, running, new, BPR0, BPR1, CBPR, preempts
    [1, 0xa0, 0x98, 2, 3, 0, true],
    [1, 0xa0, 0xa0, 2, 3, 0, false],
    [1, 0xb8, 0xa0, 2, 5, 0, false],
    [1, 0xb8, 0xa0, 2, 4, 0, true],
    [1, 0xb8, 0xa0, 4, 3, 1, false],
    [0, 0xb8, 0xa0, 4, 3, 0, false],
    [0, 0xb8, 0xa0, 3, 7, 0, true],
  ])(
    'group %i, 0x%s runs, 0x%s, BPR0 %i, BPR1 %i, CBPR %i: preempts %s',
    (group, running, next, bpr0, bpr1, cbpr, preempts) => {
      const machine = withSpi40();
      const iar = group === 0 ? 'IAR0' : 'IAR1';
      machine.setD(0x84, group === 0 ? 0 : 0x300);
      machine.setD(0x104, 0x300);
      machine.setD(0x428, (next << 8) | running);
      machine.setIcc(0, 'BPR0', bpr0);
      machine.setIcc(0, 'BPR1', bpr1);
      machine.setIcc(0, 'CTLR', cbpr);
      machine.gic.setSpi(40, true);
      expect(machine.icc(0, iar)).toBe(40);
      machine.gic.setSpi(41, true);
      expect(machine.icc(0, iar)).toBe(preempts ? 41 : 1023);
    },
  );

  it('a coarser binary point never lets a less urgent interrupt in', () => {
    const machine = withSpi40();
    machine.setD(0x84, 1 << 8); // 40: group 1, 41: group 0
    machine.setD(0x104, 0x300);
    machine.setD(0x428, 0x5078);
    machine.setIcc(0, 'BPR1', 7);
    machine.gic.setSpi(41, true);
    expect(machine.icc(0, 'IAR0')).toBe(41);
    machine.gic.setSpi(40, true);
    expect(machine.lines).toBe('-');
  });

  it('CBPR shows BPR0 + 1 in BPR1 and ignores writes to it', () => {
    const machine = new GicV3TestMachine();
    machine.setIcc(0, 'BPR1', 6);
    machine.setIcc(0, 'BPR0', 4);
    machine.setIcc(0, 'CTLR', 1);
    machine.setIcc(0, 'BPR1', 7);
    expect(machine.icc(0, 'BPR1')).toBe(5);
    machine.setIcc(0, 'BPR0', 7);
    expect(machine.icc(0, 'BPR1')).toBe(7);
    machine.setIcc(0, 'CTLR', 0);
    expect(machine.icc(0, 'BPR1')).toBe(6);
  });

  it('EOImode splits priority drop and deactivation; another core may deactivate', () => {
    const machine = withSpi40(2);
    for (const cpu of [0, 1]) machine.setIcc(cpu, 'CTLR', 2);
    machine.gic.setSpi(40, true);
    machine.icc(0, 'IAR1');
    machine.setIcc(0, 'EOIR1', 40);
    expect([machine.icc(0, 'RPR'), machine.d(0x304), machine.lines]).toEqual([0xff, 1 << 8, '--']);
    machine.setIcc(1, 'DIR', 40);
    expect([machine.d(0x304), machine.lines]).toEqual([0, 'I-']);
  });

  it.each([1020, 1023, 8192])('EOIR of INTID %i is ignored', (intid) => {
    const machine = withSpi40();
    machine.gic.setSpi(40, true);
    machine.icc(0, 'IAR1');
    machine.setIcc(0, 'EOIR1', intid);
    expect(machine.icc(0, 'RPR')).toBe(0xa0);
  });
});

describe('GICv3: routing', () => {
  it.each([
    [0x000, 'I---'],
    [0x200, '--I-'],
    [0x001, '----'],
    [0x1_0000, '----'],
  ])('IROUTER affinity 0x%s: %s', (affinity, lines) => {
    const machine = withSpi40(4);
    machine.gic.setSpi(40, true);
    machine.setD(0x6140, affinity);
    expect(machine.lines).toBe(lines);
    expect(machine.d(0x6140)).toBe(affinity);
  });

  it('1-of-N picks the lowest core that takes part, again when that changes', () => {
    const machine = withSpi40(3);
    machine.gic.setSpi(40, true);
    machine.setD(0x6140, 0x8000_0000);
    expect([machine.d(0x6140), machine.lines]).toEqual([0x8000_0000, 'I--']);
    machine.setIcc(0, 'IGRPEN1', 0);
    machine.setIcc(0, 'IGRPEN0', 0);
    expect(machine.lines).toBe('-I-');
    machine.setR(1, 0x14, 2);
    expect(machine.lines).toBe('--I');
    machine.setIcc(0, 'IGRPEN1', 1);
    expect(machine.lines).toBe('I--');
  });

  it('1-of-N leaves a core that disables the group of the interrupt, whatever the other group does', () => {
    const machine = withSpi40(2);
    machine.gic.setSpi(40, true);
    machine.setD(0x6140, 0x8000_0000);
    machine.setIcc(0, 'IGRPEN1', 0);
    expect(machine.lines).toBe('-I');
    machine.setD(0x84, 0); // now in group 0, which core 0 takes
    expect(machine.lines).toBe('F-');
    machine.setIcc(0, 'IGRPEN0', 0);
    expect(machine.lines).toBe('-F');
    machine.setD(0x84, 1 << 8);
    machine.setIcc(0, 'IGRPEN1', 1);
    expect(machine.lines).toBe('I-');
  });

  it('1-of-N goes on from a restored state', () => {
    const saved = withSpi40(3);
    saved.setD(0x6140, 0x8000_0000);
    saved.setIcc(0, 'IGRPEN1', 0);
    const machine = withSpi40(3);
    machine.gic.restoreState(saved.gic.saveState());
    machine.gic.setSpi(40, true);
    expect(machine.lines).toBe('-I-');
    machine.setIcc(0, 'IGRPEN1', 1); // the pick that this machine had before
    expect(machine.lines).toBe('I--');
  });

  it('keeps Aff3 in the upper half', () => {
    const machine = new GicV3TestMachine([0, 0x5_0000_0000]).start();
    machine.setD(0x104, 1);
    machine.setD(0x6100, 0);
    machine.setD(0x6104, 0xffff_ff05);
    machine.gic.setSpi(32, true);
    expect([machine.d(0x6104), machine.lines]).toEqual([5, '-F']);
  });
});

describe('GICv3: software-generated interrupts', () => {
  const sgi = (affinity: number, list: number, intid: number) =>
    (BigInt(affinity & 0xff_0000) << 16n) | BigInt(((affinity & 0xff00) << 8) | list) | (BigInt(intid) << 24n);

  it.each([
    ['gs101: Aff1 is the core', 8, sgi(0x500, 1, 3), '-----I--'],
    ['gs101: Aff0 1 does not exist', 8, sgi(0x500, 2, 3), '--------'],
    ['virt: Aff0 is the core', [0, 1, 2, 3], sgi(0, 0b1101, 3), 'I-II'],
    ['Aff2', [0, 0x1_0000], sgi(0x1_0000, 1, 3), '-I'],
    ['Aff3', [0, 0x2_0000_0000], (2n << 48n) | (3n << 24n) | 1n, '-I'],
    ['all but oneself (IRM), the list is ignored', 4, (1n << 40n) | (3n << 24n) | 1n, 'I-II'],
  ] as const)('%s', (_, mpidrs, value, lines) => {
    const machine = new GicV3TestMachine(mpidrs).start();
    for (let cpu = 0; cpu < machine.cpus; cpu++) {
      machine.setR(cpu, SGI + 0x80, 0xffff_ffff);
      machine.setR(cpu, SGI + ENABLE, 0xffff);
    }
    machine.setIcc(1, 'SGI1R', value);
    expect(machine.lines).toBe(lines);
    const target = lines.indexOf('I');
    if (target >= 0) expect(machine.icc(target, 'IAR1')).toBe(3);
  });

  it.each([
    ['SGI1R', 1, 'I'],
    ['SGI1R', 0, '-'],
    ['SGI0R', 1, '-'],
    ['SGI0R', 0, 'F'],
    ['ASGI1R', 1, 'I'],
    ['ASGI1R', 0, '-'],
  ] as const)('%s to an SGI of group %i: %s', (name, group, lines) => {
    const machine = new GicV3TestMachine().start();
    machine.setR(0, SGI + 0x80, group);
    machine.setR(0, SGI + ENABLE, 1);
    machine.setIcc(0, name, 1);
    expect(machine.lines).toBe(lines);
  });
});
