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

/** Behind the tables of small-code.ts. */
const RAM = 0x4010_2900n;

function run(level: 0 | 1, words: readonly number[], sctlr: bigint, engine: 'unicorn' | 'wasm', base = RAM) {
  ran?.guest.machine.close();
  ran = runSmallCode(
    words,
    {
      level,
      mmu: true,
      x: { 2: base, 3: base + 4n, 4: base + 8n },
      system: { SCTLR_EL1: SCTLR | MMU_AND_CACHES | sctlr },
    },
    { engine },
  );
  const { vector, esr } = ran;
  return { vector, esr };
}

const COMPLETED = { vector: null, esr: 0 };
const levels = [0, 1] as const;
const engines = ['unicorn', 'wasm'] as const;
const LOAD = 0xf840_1040;
const STORE = 0xf800_1040;
const WRITE = 0x40;

describe('Alignment is checked for exclusives only', () => {
  const ldxr = 0xc85f_7c60;
  const stxr = 0xc801_7c60;

  it.each(levels)('at EL%i: LDXR faults, whatever SCTLR_EL1.A says', (level) => {
    for (const engine of engines) {
      for (const a of [0n, SCTLR_A]) {
        expect(run(level, [ldxr], a, engine)).toEqual({ vector: VECTOR[level], esr: DATA_ABORT[level] + ALIGNMENT });
      }
    }
  });

  it.each(levels)('at EL%i: a store that no LDXR came before fails, unaligned as it is', (level) => {
    run(level, [stxr], 0n, 'unicorn');
    expect(ran?.vector).toBe(null);
    expect(ran?.engine.getX(1)).toBe(1n);
  });

  it.each(
    levels.flatMap((level) => [
      ['ldur x0, [x2, #1] with SCTLR_EL1.A', level, LOAD, SCTLR_A, 0] as const,
      ['stur x0, [x2, #1] with SCTLR_EL1.A', level, STORE, SCTLR_A, WRITE] as const,
      ['ldar x0, [x3]', level, 0xc8df_fc60, 0n, 0] as const,
      ['stlr x0, [x3]', level, 0xc89f_fc60, 0n, WRITE] as const,
    ]),
  )(
    '%s at EL%i completes; the architecture takes an alignment fault, as the own core does',
    (_text, level, word, sctlr, write) => {
      expect(run(level, [word], sctlr, 'unicorn')).toEqual(COMPLETED);
      expect(run(level, [word], sctlr, 'wasm')).toEqual({
        vector: VECTOR[level],
        esr: DATA_ABORT[level] + ALIGNMENT + write,
      });
    },
  );

  it.each(levels)('ldur x0, [x2, #1] at EL%i completes with SCTLR_EL1.A clear, as it must', (level) => {
    for (const engine of engines) expect(run(level, [LOAD], 0n, engine)).toEqual(COMPLETED);
  });

  it.each([
    ['ldur x0, [x2, #1]', LOAD, 0],
    ['stur x0, [x2, #1]', STORE, WRITE],
    // In the middle of a block of DC ZVA.
    ['dc zva, x2', 0xd50b_7422, WRITE],
  ])('%s in device memory faults on the own core, as the architecture has it', (_text, word, write) => {
    const device = 0x0a00_0000n;
    expect(run(1, [word], 0n, 'wasm', device)).toEqual({
      vector: VECTOR[1],
      esr: DATA_ABORT[1] + ALIGNMENT + write,
    });
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
    expect(run(level, [movSpX4, word], 0n, 'unicorn')).toEqual(COMPLETED);
  });
});
