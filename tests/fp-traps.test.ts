// SPDX-License-Identifier: GPL-2.0-only
/**
 * FP and SIMD instructions that CPACR_EL1.FPEN traps: at the right level, with one syndrome for
 * all, and only until the field is written again. The traps to EL2 and EL3 are in
 * exceptions.test.ts, against QEMU's transcript.
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.34 (CPACR_EL1), D24.2.40 (ESR_EL1, EC 0b000111),
 * D1.3.5 (an unallocated encoding is undefined first).
 */

import { afterEach, describe, expect, it } from 'vitest';
import { type Ran, runSmallCode } from './support/small-code.ts';

/** EC 7, IL, CV, COND 0b1110. */
const TRAPPED = 0x1fe0_0000;
const UNDEFINED = 0x0200_0000;
const LOWER = 0x400;
const SAME = 0x200;

const FMOV_D0_X0 = 0x9e67_0000;
const MSR_CPACR_X0 = 0xd518_1040;
const MSR_CPACR_X1 = 0xd518_1041;
const ISB = 0xd503_3fdf;
const fpen = (value: number) => BigInt(value) << 20n;

let ran: Ran | null = null;
afterEach(() => {
  ran?.guest.machine.close();
  ran = null;
});

const INSTRUCTIONS: readonly (readonly [string, number])[] = [
  ['fmov d0, x0', FMOV_D0_X0],
  ['fadd s0, s1, s2', 0x1e22_2820],
  ['add v0.16b, v1.16b, v2.16b', 0x4e22_8420],
  ['ldr q0, [x2]', 0x3dc0_0040],
  ['str d0, [x2]', 0xfd00_0040],
  ['ldp q0, q1, [x2]', 0xad40_0440],
  ['ld1 {v0.16b}, [x2]', 0x4c40_7040],
  ['mrs x3, fpcr', 0xd53b_4403],
  ['msr fpsr, xzr', 0xd51b_443f],
  ['aese v0.16b, v1.16b', 0x4e28_4820],
];

describe('an FP or SIMD instruction', () => {
  const cases = ([0, 1] as const).flatMap((level) =>
    [0, 1, 2, 3].map((value) => [level, value, value !== 3 && (level === 0 || value !== 1)] as const),
  );

  it.each(cases)('at EL%i with FPEN %i: trapped %s', (level, value, trapped) => {
    for (const [text, word] of INSTRUCTIONS) {
      const code = { level, x: { 2: 0x4010_2000n }, system: { CPACR_EL1: fpen(value) } };
      ran = runSmallCode([word], code, {}, ran?.guest);
      expect([text, ran.vector, ran.esr], text).toEqual(
        trapped ? [text, level === 0 ? LOWER : SAME, TRAPPED] : [text, null, 0],
      );
      if (trapped) expect(ran.elr, text).toBe(BigInt(ran.base));
    }
  });

  it.each([0, 1] as const)('that is unallocated is undefined at EL%i, trapped or not', (level) => {
    for (const value of [0, 3]) {
      // FP data-processing of two sources, with a type that does not exist.
      ran = runSmallCode([0x1ea2_2820], { level, system: { CPACR_EL1: fpen(value) } }, {}, ran?.guest);
      expect([ran.vector, ran.esr]).toEqual([level === 0 ? LOWER : SAME, UNDEFINED]);
    }
  });
});

describe('MSR CPACR_EL1', () => {
  it('takes effect at once, in code that ran before as well', () => {
    // Twice around: x0 is the value of the first round, x1 of the second.
    const words = [
      MSR_CPACR_X0,
      ISB,
      FMOV_D0_X0,
      0x9100_0463, // add x3, x3, #1
      0xaa01_03e0, // mov x0, x1
      0xd100_0484, // sub x4, x4, #1
      0xb5ff_ff44, // cbnz x4, to the start
    ];
    ran = runSmallCode(words, { level: 1, x: { 0: fpen(3), 1: fpen(0), 4: 3n } });
    expect([ran.vector, ran.esr, ran.elr]).toEqual([SAME, TRAPPED, BigInt(ran.base + 8)]);
    expect(ran.engine.getX(3)).toBe(1n);
  });

  it('lets a trapped instruction complete once the field is set', () => {
    const words = [MSR_CPACR_X0, ISB, FMOV_D0_X0, MSR_CPACR_X1, ISB, FMOV_D0_X0];
    ran = runSmallCode(words, { level: 1, x: { 0: fpen(1), 1: fpen(3) } });
    expect(ran.vector).toBe(null);
    expect(ran.engine.getV(0)).toBe(fpen(1));
  });
});
