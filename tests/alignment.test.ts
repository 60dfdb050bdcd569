// SPDX-License-Identifier: GPL-2.0-only
/**
 * Alignment, in normal memory, at EL0 and EL1: what the architecture checks, and what the engine
 * does. The titles are lines of docs/fidelity.md; a case that fails because its fault is taken is
 * no departure any more.
 *
 * Specification: Arm ARM DDI 0487 K.a, B2.8 (alignment), D1.3.5.3 (SP alignment checking),
 * D24.2.129 (SCTLR_EL1.A, SA, SA0), D24.2.40 (DFSC 0b100001).
 */

import { afterEach, describe, expect, it } from 'vitest';
import { type Ran, runSmallCode } from './support/small-code.ts';

const ALIGNMENT = 0x21;
const DATA_ABORT = { 0: 0x9200_0000, 1: 0x9600_0000 } as const;
const VECTOR = { 0: 0x400, 1: 0x200 } as const;
/** RES1 bits, SA0 and SA, A, C. */
const SCTLR = 0x30d5_0838n;
const SCTLR_A = 1n << 1n;
const MMU_AND_CACHES = 0x1005n;

let ran: Ran | null = null;
afterEach(() => {
  ran?.guest.machine.close();
  ran = null;
});

const OFFSET = 0x2900n;

function run(level: 0 | 1, words: readonly number[], sctlr: bigint) {
  const base = 0x4010_0000n + OFFSET;
  ran = runSmallCode(words, {
    level,
    mmu: true,
    x: { 2: base, 3: base + 4n, 4: base + 8n },
    system: { SCTLR_EL1: SCTLR | MMU_AND_CACHES | sctlr },
  });
  const { vector, esr } = ran;
  return { vector, esr };
}

const COMPLETED = { vector: null, esr: 0 };
const levels = [0, 1] as const;

describe('Alignment is checked for exclusives only', () => {
  const ldxr = 0xc85f_7c60;
  const stxr = 0xc801_7c60;

  it.each(levels)('at EL%i: LDXR faults, whatever SCTLR_EL1.A says', (level) => {
    for (const a of [0n, SCTLR_A]) {
      expect(run(level, [ldxr], a)).toEqual({ vector: VECTOR[level], esr: DATA_ABORT[level] + ALIGNMENT });
      ran?.guest.machine.close();
    }
    ran = null;
  });

  it.each(levels)('at EL%i: a store that no LDXR came before fails, unaligned as it is', (level) => {
    run(level, [stxr], 0n);
    expect(ran?.vector).toBe(null);
    expect(ran?.engine.getX(1)).toBe(1n);
  });

  it.each(
    levels.flatMap((level) => [
      ['ldur x0, [x2, #1] with SCTLR_EL1.A', level, 0xf840_1040, SCTLR_A] as const,
      ['stur x0, [x2, #1] with SCTLR_EL1.A', level, 0xf800_1040, SCTLR_A] as const,
      ['ldar x0, [x3]', level, 0xc8df_fc60, 0n] as const,
      ['stlr x0, [x3]', level, 0xc89f_fc60, 0n] as const,
    ]),
  )('%s at EL%i completes; the architecture takes an alignment fault', (_text, level, word, sctlr) => {
    expect(run(level, [word], sctlr)).toEqual(COMPLETED);
  });

  it.each(levels)('ldur x0, [x2, #1] at EL%i completes with SCTLR_EL1.A clear, as it must', (level) => {
    expect(run(level, [0xf840_1040], 0n)).toEqual(COMPLETED);
  });
});

describe('The alignment of the stack pointer is not checked', () => {
  const movSpX4 = 0x9100_009f;

  it.each(
    levels.flatMap((level) => [
      ['ldr x0, [sp]', level, 0xf940_03e0] as const,
      ['str x0, [sp]', level, 0xf900_03e0] as const,
    ]),
  )('%s at EL%i with SP no multiple of 16 completes; the architecture takes EC 0x26', (_text, level, word) => {
    expect(run(level, [movSpX4, word], 0n)).toEqual(COMPLETED);
  });
});
