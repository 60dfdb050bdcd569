// SPDX-License-Identifier: GPL-2.0-only
/**
 * The performance monitors as code at EL1 and EL0 uses them: software increment, cycles, overflow,
 * and EL0's rights. A cycle is an instruction.
 *
 * Specification: Arm ARM DDI 0487 K.a, D13 and D24.5.
 */

import { afterEach, describe, expect, it } from 'vitest';
import { type SystemRegisterEncoding, systemRegisterNumber } from '#emulator/engine/system-registers.ts';
import { type Ran, runSmallCode } from './support/small-code.ts';

const PMCR: SystemRegisterEncoding = [3, 3, 9, 12, 0];
const PMCNTENSET: SystemRegisterEncoding = [3, 3, 9, 12, 1];
const PMCNTENCLR: SystemRegisterEncoding = [3, 3, 9, 12, 2];
const PMOVSCLR: SystemRegisterEncoding = [3, 3, 9, 12, 3];
const PMSWINC: SystemRegisterEncoding = [3, 3, 9, 12, 4];
const PMSELR: SystemRegisterEncoding = [3, 3, 9, 12, 5];
const PMCEID0: SystemRegisterEncoding = [3, 3, 9, 12, 6];
const PMCCNTR: SystemRegisterEncoding = [3, 3, 9, 13, 0];
const PMXEVTYPER: SystemRegisterEncoding = [3, 3, 9, 13, 1];
const PMXEVCNTR: SystemRegisterEncoding = [3, 3, 9, 13, 2];
const PMUSERENR: SystemRegisterEncoding = [3, 3, 9, 14, 0];
const PMEVCNTR1: SystemRegisterEncoding = [3, 3, 14, 8, 1];
const PMEVTYPER1: SystemRegisterEncoding = [3, 3, 14, 12, 1];

/** The 16 bits of the encoding begin with op0 = 3, whose upper bit the instruction has already. */
const msr = (register: SystemRegisterEncoding, rt: number) =>
  (0xd500_0000 | (systemRegisterNumber(register) << 5) | rt) >>> 0;
const mrs = (register: SystemRegisterEncoding, rt: number) => (msr(register, rt) | 0x20_0000) >>> 0;
const NOP = 0xd503_201f;
const CPU_CYCLES = 0x11n;

let ran: Ran | null = null;
afterEach(() => {
  ran?.guest.machine.close();
  ran = null;
});

/** x1 = 1, x2 = 2, x3 = 3; x10 to x13 are the answers. */
function run(words: readonly number[], x: Readonly<Record<number, bigint>> = {}, level: 0 | 1 = 1) {
  ran = runSmallCode(words, { level, x: { 1: 1n, 2: 2n, 3: 3n, ...x } });
  return { vector: ran.vector, esr: ran.esr, x: (index: number) => ran?.engine.getX(index) };
}

const enabled = [msr(PMCR, 1), msr(PMCNTENSET, 3)];

describe('PMSWINC_EL0', () => {
  it('increments the event counters that it names, count SW_INCR and are enabled', () => {
    const { vector, x } = run([
      ...enabled,
      msr(PMSELR, 31),
      msr(PMXEVTYPER, 31), // counter 0: SW_INCR
      msr(PMXEVCNTR, 31),
      msr(PMEVTYPER1, 31),
      msr(PMSWINC, 1),
      msr(PMSWINC, 3),
      mrs(PMXEVCNTR, 10),
      mrs(PMEVCNTR1, 11),
      msr(PMCNTENCLR, 1),
      msr(PMSWINC, 3),
      mrs(PMXEVCNTR, 12),
      mrs(PMEVCNTR1, 13),
    ]);
    expect(vector).toBe(null);
    expect([10, 11, 12, 13].map(x)).toEqual([2n, 1n, 2n, 2n]);
  });

  it.each<[string, readonly number[]]>([
    ['PMCR_EL0.E is clear', [msr(PMCNTENSET, 3)]],
    ['the counter is off', [msr(PMCR, 1)]],
    ['the counter counts something else', [...enabled, msr(PMEVTYPER1, 5)]],
  ])('does nothing while %s', (_why, before) => {
    expect(run([...before, msr(PMSWINC, 2), mrs(PMEVCNTR1, 10)], { 5: 8n }).x(10)).toBe(0n);
  });

  it('overflows at 32 bits into PMOVSCLR_EL0, which clears', () => {
    const words = [
      msr(PMEVCNTR1, 4),
      msr(PMSWINC, 2),
      mrs(PMEVCNTR1, 10),
      mrs(PMOVSCLR, 11),
      msr(PMOVSCLR, 2),
      mrs(PMOVSCLR, 12),
    ];
    const { x } = run([...enabled, ...words], { 4: 0xffff_ffffn });
    expect([10, 11, 12].map(x)).toEqual([0n, 2n, 0n]);
  });

  it.each([
    ['nothing', 0n, 0x400],
    ['PMUSERENR_EL0.EN', 1n, null],
    ['PMUSERENR_EL0.SW', 2n, null],
    ['PMUSERENR_EL0.CR', 4n, 0x400],
  ])('at EL0 is allowed by %s or trapped', (_bit, rights, vector) => {
    // With the rights set, an exception return to the last instruction.
    const words = [msr(PMUSERENR, 4), 0xd69f_03e0, msr(PMSWINC, 1)];
    ran = runSmallCode(words, { level: 1, x: { 4: rights }, system: { SPSR_EL1: 0x3c0n, ELR_EL1: 0x4010_0008n } });
    expect([ran.vector, ran.esr >>> 26]).toEqual(vector === null ? [null, 0] : [vector, 0x18]);
  });

  it('cannot be read', () => {
    expect(run([mrs(PMSWINC, 10)])).toMatchObject({ vector: 0x200, esr: 0x0200_0000 });
  });
});

describe('cycles', () => {
  it('are instructions, in an event counter and in the cycle counter, while enabled', () => {
    const { x } = run(
      [
        msr(PMEVTYPER1, 6),
        msr(PMCNTENSET, 5),
        msr(PMCR, 7), // E, P, C
        NOP,
        NOP,
        mrs(PMEVCNTR1, 10),
        mrs(PMCCNTR, 11),
        msr(PMCR, 31),
        NOP,
        mrs(PMEVCNTR1, 12),
        mrs(PMCCNTR, 13),
      ],
      { 5: 0x8000_0002n, 6: CPU_CYCLES, 7: 7n },
    );
    expect([10, 11, 12, 13].map(x)).toEqual([3n, 4n, 5n, 5n]);
  });

  it('overflow the cycle counter at 32 bits, or with PMCR_EL0.LC at 64', () => {
    for (const [control, flags] of [
      [1n, 0x8000_0000n],
      [0x41n, 0n],
    ] as const) {
      const words = [msr(PMCR, 4), msr(PMCNTENSET, 5), msr(PMCCNTR, 6), NOP, mrs(PMCCNTR, 10), mrs(PMOVSCLR, 11)];
      const { x } = run(words, { 4: control, 5: 0x8000_0000n, 6: 0xffff_ffffn });
      expect([x(10), x(11)]).toEqual([0x1_0000_0001n, flags]);
      ran?.guest.machine.close();
    }
    ran = null;
  });
});

describe('what the registers say', () => {
  it.each([
    ['PMCNTENSET_EL0', PMCNTENSET, 1n],
    ['PMEVTYPER1_EL0', PMEVTYPER1, CPU_CYCLES],
    ['PMCCNTR_EL0', PMCCNTR, 5n],
    ['PMSELR_EL0', PMSELR, 1n],
  ])('%s holds what is written from outside', (_name, register, value) => {
    run([NOP]);
    const core = ran?.guest.machine.bootCore;
    expect(core?.writeSystemRegister(register, value)).toBe(true);
    expect(core?.readSystemRegister(register)).toBe(value);
  });

  it('is true: SW_INCR and CPU_CYCLES count, four counters and the cycle counter', () => {
    const { x } = run([mrs(PMCEID0, 10), mrs(PMCR, 11), msr(PMCR, 4), mrs(PMCR, 12)], { 4: 0x7fn });
    expect(x(10)).toBe((1n << 0n) | (1n << CPU_CYCLES));
    expect(((x(11) ?? 0n) >> 11n) & 31n).toBe(4n);
    // P and C read as zero.
    expect((x(12) ?? 0n) & 0x7fn).toBe(0x79n);
  });
});
