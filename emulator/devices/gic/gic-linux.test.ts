// SPDX-License-Identifier: GPL-2.0-only
/**
 * Linux 6.1's accesses to the controllers, one by one: init of the distributor and of each
 * core, a timer tick, an IPI, and on GICv3 what its power management does around a sleep. Written
 * from traces (board notes), with two and eight cores.
 */

import { describe, expect, it } from 'vitest';
import { GicV2TestMachine, GicV3TestMachine } from './testing/test-machine.ts';

const TIMER = 27;
const UART = 33;
const ALL = 0xffff_ffff;
const DEFAULT_PRIORITY = 0xa0a0_a0a0;

function initV2(cpus: number): GicV2TestMachine {
  const machine = new GicV2TestMachine(cpus, 256);
  const lines = 32 * ((machine.d(0x4) & 0x1f) + 1);
  expect(lines).toBe(288);
  // The boot core reads its own mask.
  const mask = machine.d(0x800) & 0xff;
  expect(mask).toBe(1);
  machine.setD(0x0, 0);
  for (let i = 32; i < lines; i += 4) machine.setD(0x800 + i, mask * 0x0101_0101);
  for (let i = 32; i < lines; i += 16) machine.setD(0xc00 + i / 4, 0);
  for (let i = 32; i < lines; i += 4) machine.setD(0x400 + i, DEFAULT_PRIORITY);
  for (let i = 32; i < lines; i += 32) {
    machine.setD(0x380 + i / 8, ALL);
    machine.setD(0x180 + i / 8, ALL);
  }
  machine.setD(0x0, 1);
  for (let cpu = 0; cpu < cpus; cpu++) {
    machine.on(cpu);
    expect(machine.d(0x800)).toBe((1 << cpu) * 0x0101_0101);
    machine.setD(0x380, ALL);
    machine.setD(0x180, 0xffff_0000);
    machine.setD(0x100, 0x0000_ffff);
    for (let i = 0; i < 32; i += 4) machine.setD(0x400 + i, DEFAULT_PRIORITY);
    machine.setC(0x4, 0xf0);
    for (let i = 0; i < 4; i++) machine.setC(0xd0 + 4 * i, 0);
    machine.setC(0x0, (machine.c(0x0) & 0x1e0) | 1);
    machine.setD(0x100, (1 << TIMER) >>> 0);
  }
  machine.on(0);
  machine.setD(0x104, 1 << (UART - 32));
  return machine;
}

describe.each([2, 8])('Linux 6.1 on GICv2, %i cores', (cpus) => {
  it('initialises without a surprise', () => {
    const machine = initV2(cpus);
    expect(machine.context.events).toEqual([]);
    expect(machine.lines).toBe('-'.repeat(cpus));
    expect([machine.d(0x0), machine.c(0x0), machine.c(0x4)]).toEqual([1, 1, 0xf0]);
    expect([machine.d(0x100), machine.d(0x420), machine.d(0x820)]).toEqual([
      0x0800_ffff,
      DEFAULT_PRIORITY,
      0x0101_0101,
    ]);
  });

  it('takes a tick on the last core', () => {
    const machine = initV2(cpus);
    const cpu = cpus - 1;
    machine.gic.setPpi(cpu, TIMER, true);
    expect(machine.lines).toBe(`${'-'.repeat(cpu)}I`);
    expect(machine.on(cpu).c(0xc)).toBe(TIMER);
    expect(machine.lines).toBe('-'.repeat(cpus));
    machine.gic.setPpi(cpu, TIMER, false); // the handler moved CVAL
    machine.setC(0x10, TIMER);
    expect(machine.c(0xc)).toBe(1023);
  });

  it('sends an IPI from core 0 to core 1 and one to all', () => {
    const machine = initV2(cpus);
    machine.on(0).setD(0xf00, (0b10 << 16) | 1);
    expect(machine.lines).toBe(`-I${'-'.repeat(cpus - 2)}`);
    expect(machine.on(1).c(0xc)).toBe(1);
    machine.setC(0x10, 1);
    machine.on(1).setD(0xf00, (((1 << cpus) - 1) << 16) | 2);
    expect(machine.lines).toBe('I'.repeat(cpus));
    for (let cpu = 0; cpu < cpus; cpu++) {
      expect(machine.on(cpu).c(0xc)).toBe(0x402);
      machine.setC(0x10, 0x402);
    }
    expect(machine.lines).toBe('-'.repeat(cpus));
  });

  it('moves an SPI to another core', () => {
    const machine = initV2(cpus);
    machine.gic.distributor.write(0x800 + UART, 1, 0b10);
    machine.gic.setSpi(UART, true);
    expect(machine.lines).toBe(`-I${'-'.repeat(cpus - 2)}`);
  });
});

function initV3(cpus: number, view: 'single' | 'non-secure'): GicV3TestMachine {
  const machine = new GicV3TestMachine(cpus, view, 960);
  const single = view === 'single';
  expect(machine.d(0xffe8) & 0xf0).toBe(0x30);
  const lines = 32 * ((machine.d(0x4) & 0x1f) + 1);
  expect(lines).toBe(992);
  expect((machine.d(0x0) & 0x40) !== 0).toBe(single);
  machine.setD(0x0, 0);
  for (let i = 32; i < lines; i += 32) machine.setD(0x80 + i / 8, ALL);
  for (let i = 32; i < lines; i += 16) machine.setD(0xc00 + i / 4, 0);
  for (let i = 32; i < lines; i += 4) machine.setD(0x400 + i, DEFAULT_PRIORITY);
  for (let i = 32; i < lines; i += 32) {
    machine.setD(0x380 + i / 8, ALL);
    machine.setD(0x180 + i / 8, ALL);
  }
  machine.setD(0x0, 0x12 | 1);
  expect(machine.d(0x0) & 0x8000_0000).toBe(0); // RWP
  for (let i = 32; i < lines; i++) {
    machine.setD(0x6000 + 8 * i, 0);
    machine.setD(0x6004 + 8 * i, 0);
  }
  for (let cpu = 0; cpu < cpus; cpu++) initV3Core(machine, cpu, single);
  machine.setD(0x104, 1 << (UART - 32));
  return machine;
}

function initV3Core(machine: GicV3TestMachine, cpu: number, single: boolean): void {
  // Find the own frames by affinity: on gs101 Aff1 is the core.
  let frame = 0;
  while (machine.r(frame, 0xc) !== cpu * 0x100) {
    expect(machine.r(frame, 0x8) & 0x10).toBe(0);
    frame++;
  }
  expect(frame).toBe(cpu);
  machine.setR(cpu, 0x14, machine.r(cpu, 0x14) & ~2);
  expect(machine.r(cpu, 0x14) & 4).toBe(0);
  machine.setR(cpu, 0x1_0080, ALL);
  machine.setR(cpu, 0x1_0380, ALL);
  machine.setR(cpu, 0x1_0180, ALL);
  for (let i = 0; i < 32; i += 4) machine.setR(cpu, 0x1_0400 + i, DEFAULT_PRIORITY);
  expect((machine.icc(cpu, 'SRE_EL1') ?? 0) & 1).toBe(1);
  // Detects group 0: only then the lowest priority bit can be set.
  machine.setIcc(cpu, 'PMR', 1 << 3);
  expect(machine.icc(cpu, 'PMR') !== 0).toBe(single);
  machine.setIcc(cpu, 'PMR', 0xf0);
  expect(machine.icc(cpu, 'PMR')).toBe(0xf0);
  machine.setIcc(cpu, 'BPR1', 0);
  expect(((machine.icc(cpu, 'CTLR')! >>> 8) & 7) + 1).toBe(5);
  machine.setIcc(cpu, 'CTLR', 0);
  if (single) machine.setIcc(cpu, 'AP0R0', 0);
  machine.setIcc(cpu, 'AP1R0', 0);
  machine.setIcc(cpu, 'IGRPEN1', 1);
  machine.setR(cpu, 0x1_0100, ((1 << TIMER) | 0xff) >>> 0);
}

describe.each([
  [2, 'single'],
  [8, 'single'],
  [8, 'non-secure'],
] as const)('Linux 6.1 on GICv3, %i cores, %s view', (cpus, view) => {
  it('initialises without a surprise', () => {
    const machine = initV3(cpus, view);
    expect(machine.context.events).toEqual([]);
    expect(machine.lines).toBe('-'.repeat(cpus));
    expect([machine.d(0x420), machine.r(cpus - 1, 0x1_0400)]).toEqual([DEFAULT_PRIORITY, DEFAULT_PRIORITY]);
    expect(machine.d(0x0)).toBe(view === 'single' ? 0x53 : 0x12);
  });

  it.each([0, 2])('takes a tick with CTLR %i (entered at EL1, EL2)', (control) => {
    const machine = initV3(cpus, view);
    const cpu = cpus - 1;
    machine.setIcc(cpu, 'CTLR', control);
    machine.gic.setPpi(cpu, TIMER, true);
    expect(machine.lines).toBe(`${'-'.repeat(cpu)}I`);
    expect(machine.icc(cpu, 'IAR1')).toBe(TIMER);
    if (control !== 0) machine.setIcc(cpu, 'EOIR1', TIMER);
    machine.gic.setPpi(cpu, TIMER, false);
    if (control === 0) machine.setIcc(cpu, 'EOIR1', TIMER);
    else machine.setIcc(cpu, 'DIR', TIMER);
    expect(machine.icc(cpu, 'IAR1')).toBe(1023);
    expect([machine.icc(cpu, 'RPR'), machine.r(cpu, 0x1_0300)]).toEqual([0xff, 0]);
  });

  it('sends an IPI to one core, by Aff1 and target list bit 0', () => {
    const machine = initV3(cpus, view);
    machine.setIcc(0, 'SGI1R', (BigInt(cpus - 1) << 16n) | (2n << 24n) | 1n);
    expect(machine.lines).toBe(`${'-'.repeat(cpus - 1)}I`);
    expect(machine.icc(cpus - 1, 'IAR1')).toBe(2);
    machine.setIcc(cpus - 1, 'EOIR1', 2);
    expect(machine.lines).toBe('-'.repeat(cpus));
  });

  it('wakes from a power-down sleep', () => {
    const machine = initV3(cpus, view);
    if (view === 'single') {
      machine.setIcc(1, 'IGRPEN1', 0);
      machine.setR(1, 0x14, 2);
    }
    expect(machine.gic.pendingFor(1)).toBe(false);
    machine.gic.setPpi(1, TIMER, true);
    expect(machine.gic.pendingFor(1)).toBe(true);
  });
});
