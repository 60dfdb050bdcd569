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
import { a64Cores } from '#emulator/a64/cores.ts';
import { ENGINES_HERE, noUnicorn } from './support/engines.ts';
import type { Guest, GuestOptions } from './support/guest-machine.ts';
import { type Ran, runSmallCode } from './support/small-code.ts';

const ALIGNMENT = 0x21;
const DATA_ABORT = { 0: 0x9200_0000, 1: 0x9600_0000 } as const;
const VECTOR = { 0: 0x400, 1: 0x200 } as const;
/** RES1 bits, SA0 and SA, A, C. */
const SCTLR = 0x30d5_0838n;
const SCTLR_A = 1n << 1n;
const SCTLR_SA = { 0: 1n << 4n, 1: 1n << 3n } as const;
const MMU_AND_CACHES = 0x1005n;
/** DC ZVA at EL0. */
const SCTLR_DZE = 1n << 14n;
/** CPACR_EL1.FPEN: FP and SIMD are not trapped. */
const FPEN = 3n << 20n;

let ran: Ran | null = null;
afterEach(() => {
  ran?.guest.machine.close();
  ran = null;
});

/** Behind the tables of small-code.ts. */
const RAM = 0x4010_2900n;

/** @param flipped bits of SCTLR_EL1 that are not as {@link SCTLR} has them */
function run(
  level: 0 | 1,
  words: readonly number[],
  flipped: bigint,
  engine: 'unicorn' | 'wasm',
  base = RAM,
  { on, ...options }: GuestOptions & { readonly on?: Guest | undefined } = {},
) {
  if (on === undefined) ran?.guest.machine.close();
  ran = runSmallCode(
    words,
    {
      level,
      mmu: true,
      x: { 0: 0n, 2: base, 3: base + 4n, 4: base + 8n, 5: base + 1n },
      system: { CPACR_EL1: FPEN, SCTLR_EL1: (SCTLR | MMU_AND_CACHES | SCTLR_DZE) ^ flipped },
    },
    { engine, ...options },
    on,
  );
  const { vector, esr } = ran;
  return { vector, esr };
}

const COMPLETED = { vector: null, esr: 0 };
const levels = [0, 1] as const;
const engines = ENGINES_HERE;
const LOAD = 0xf840_1040;
const STORE = 0xf800_1040;
const WRITE = 0x40;

describe('alignment of accesses', () => {
  const ldxr = 0xc85f_7c60;
  const stxr = 0xc801_7c60;

  it.each(levels)('at EL%i: LDXR faults, whatever SCTLR_EL1.A says', (level) => {
    for (const engine of engines) {
      for (const a of [0n, SCTLR_A]) {
        expect(run(level, [ldxr], a, engine)).toEqual({ vector: VECTOR[level], esr: DATA_ABORT[level] + ALIGNMENT });
      }
    }
  });

  it.skipIf(noUnicorn !== null).each(levels)(
    'at EL%i: a store that no LDXR came before fails, unaligned as it is',
    (level) => {
      run(level, [stxr], 0n, 'unicorn');
      expect(ran?.vector).toBe(null);
      expect(ran?.engine.getX(1)).toBe(1n);
    },
  );

  // X2 is a multiple of 256, X3 of 4, X4 of 8, X5 is odd.
  it.each([
    ['ldur x0, [x2, #1]', LOAD, SCTLR_A, 0],
    ['stur x0, [x2, #1]', STORE, SCTLR_A, WRITE],
    ['ldtr x0, [x2, #1]', 0xf840_1840, SCTLR_A, 0],
    ['ldp x0, x1, [x3]', 0xa940_0460, SCTLR_A, 0],
    ['ldr d0, [x3]', 0xfd40_0060, SCTLR_A, 0],
    ['ldr q0, [x3]', 0x3dc0_0060, SCTLR_A, 0],
    ['ld1 {v0.4h}, [x5]', 0x0c40_74a0, SCTLR_A, 0],
    ['st1 {v0.s}[1], [x5]', 0x0d00_90a0, SCTLR_A, WRITE],
    ['ldar x0, [x3]', 0xc8df_fc60, 0n, 0],
    ['stlr x0, [x3]', 0xc89f_fc60, 0n, WRITE],
    ['ldarh w0, [x5]', 0x48df_fca0, 0n, 0],
  ])('%s faults where it is checked, at EL0 and EL1', (_text, word, sctlr, write) => {
    for (const engine of engines) {
      for (const level of levels) {
        const fault = { vector: VECTOR[level], esr: DATA_ABORT[level] + ALIGNMENT + write };
        expect(run(level, [word], sctlr, engine)).toEqual(fault);
      }
    }
  });

  it.each([
    ['ldur x0, [x2, #1]', LOAD, 0n],
    ['ldr q0, [x3]', 0x3dc0_0060, 0n],
    ['ldp w0, w1, [x3]', 0x2940_0460, SCTLR_A],
    ['ldr x0, [x4]', 0xf940_0080, SCTLR_A],
    ['ldrb w0, [x5]', 0x3940_00a0, SCTLR_A],
    ['ldarb w0, [x5]', 0x08df_fca0, SCTLR_A],
    ['dc zva, x5', 0xd50b_7425, SCTLR_A],
  ])('%s completes where it need not be aligned to more', (_text, word, sctlr) => {
    for (const engine of engines) {
      for (const level of levels) expect(run(level, [word], sctlr, engine)).toEqual(COMPLETED);
    }
  });

  it.each(engines)(
    'is checked from the instruction on that sets SCTLR_EL1.A, and until it is cleared: %s',
    (engine) => {
      // again: ldur x0, [x2, #1]; cbnz x10, out; mov x10, #1; mrs, msr sctlr_el1; isb; b again
      // out:
      const twice = (change: number) => [
        LOAD,
        0xb500_00ea,
        0xd280_002a,
        0xd538_1009,
        change,
        0xd518_1009,
        0xd503_3fdf,
        0x17ff_fff9,
      ];
      const orrX9 = 0xb27f_0129;
      expect(run(1, twice(orrX9), 0n, engine)).toEqual({ vector: VECTOR[1], esr: DATA_ABORT[1] + ALIGNMENT });
      expect(ran?.elr).toBe(BigInt(ran?.base ?? 0));
      expect(ran?.engine.getX(10)).toBe(1n);
      // With the check on, the code runs by an aligned address, then by one that is not.
      const bicX9 = 0x927e_f929;
      const addX2 = 0x9100_0442;
      const aligned = twice(bicX9);
      aligned[0] = 0xf940_0040;
      expect(run(1, [...aligned.slice(0, 4), bicX9, 0xd518_1009, addX2, 0x17ff_fff9], SCTLR_A, engine)).toEqual(
        COMPLETED,
      );
      expect(ran?.engine.getX(2)).toBe(RAM + 1n);
    },
  );
});

describe('Alignment in device memory is not checked', () => {
  it.each([
    ['ldur x0, [x2, #1]', LOAD, 0],
    ['stur x0, [x2, #1]', STORE, WRITE],
    // In the middle of a block of DC ZVA.
    ['dc zva, x2', 0xd50b_7422, WRITE],
  ])('%s faults on the own core alone, as the architecture has it', (_text, word, write) => {
    const device = 0x0a00_0000n;
    expect(run(1, [word], 0n, 'wasm', device)).toEqual({
      vector: VECTOR[1],
      esr: DATA_ABORT[1] + ALIGNMENT + write,
    });
    if (noUnicorn !== null) return;
    const { esr } = run(1, [word], 0n, 'unicorn', device);
    expect(esr & 0x3f).not.toBe(ALIGNMENT);
  });
});

describe('A Q register and a structure of elements are checked by other sizes', () => {
  it.each(levels)('ldr q0, [x4] at EL%i completes with SCTLR_EL1.A set, its address a multiple of 8', (level) => {
    for (const engine of engines) expect(run(level, [0x3dc0_0080], SCTLR_A, engine)).toEqual(COMPLETED);
  });

  it.each(levels)('ld1 {v0.8b}, [x5] at EL%i completes, which it does not on the own core', (level) => {
    const ld1 = 0x0c40_70a0;
    if (noUnicorn === null) expect(run(level, [ld1], SCTLR_A, 'unicorn')).toEqual(COMPLETED);
    expect(run(level, [ld1], SCTLR_A, 'wasm').vector).toBe(VECTOR[level]);
  });
});

describe('The alignment of the stack pointer is not checked', () => {
  const movSpX4 = 0x9100_009f;
  const loadBySp = 0xf940_03e0;
  const [movSpX2, addSp8, strBySp, loadBySp8] = [0x9100_005f, 0x9100_23ff, 0xf900_03e0, 0xf940_07e0];
  const SP_ALIGNMENT = 0x9a00_0000;
  const isUnicornMissing = noUnicorn !== null;

  it
    .skipIf(isUnicornMissing)
    .each(
      levels.flatMap((level) => [
        ['ldr x0, [sp]', level, loadBySp] as const,
        ['str x0, [sp]', level, strBySp] as const,
      ]),
    )('%s at EL%i with SP no multiple of 16 completes; the architecture takes EC 0x26', (_text, level, word) => {
    expect(run(level, [movSpX4, word], 0n, 'unicorn')).toEqual(COMPLETED);
  });

  describe.each([
    ['interpreted', Infinity],
    ['translated', 0],
  ])('on the own core it is, %s', (_how, hotAfter) => {
    // All on one machine of the test.
    const onOwnCore = (level: 0 | 1, words: readonly number[], flipped = 0n) =>
      run(level, words, flipped, 'wasm', RAM, { cores: a64Cores({ hotAfter }), on: ran?.guest });

    it.each([
      ['ldr x0, [sp]', loadBySp],
      ['str x0, [sp]', strBySp],
      ['ldur x0, [sp, #8]', 0xf840_83e0],
      ['ldr x0, [sp, #8]!', 0xf840_8fe0],
      ['ldr x0, [sp, x1]', 0xf861_6be0],
      ['ldp x0, x1, [sp]', 0xa940_07e0],
      ['stp x0, x1, [sp, #-16]!', 0xa9bf_07e0],
      ['ldr d0, [sp]', 0xfd40_03e0],
      ['ldxr x0, [sp]', 0xc85f_7fe0],
      ['ldar x0, [sp]', 0xc8df_ffe0],
      ['ld1 {v0.8b}, [sp]', 0x0c40_73e0],
      ['ld1 {v0.b}[0], [sp]', 0x0d40_03e0],
      ['ld2 {v0.8b, v1.8b}, [sp]', 0x0c40_83e0],
    ])('%s faults, and has changed nothing', (_text, word) => {
      for (const level of levels) {
        expect(onOwnCore(level, [movSpX4, word])).toEqual({ vector: VECTOR[level], esr: SP_ALIGNMENT });
        const { elr, far, engine, base } = ran as Ran;
        expect([elr, far, engine.getX(0)]).toEqual([BigInt(base + 4), 0n, 0n]);
        expect(onOwnCore(level, [movSpX4, word], SCTLR_SA[level]).vector).toBeNull();
      }
    });

    it('prfm pldl1keep, [sp] makes no access', () => {
      expect(onOwnCore(1, [movSpX4, 0xf980_03e0])).toEqual(COMPLETED);
    });

    it('a block of code is looked at again once it has moved SP', () => {
      const moved = [movSpX2, loadBySp, strBySp, addSp8, loadBySp8];
      expect(onOwnCore(1, moved)).toEqual({ vector: VECTOR[1], esr: SP_ALIGNMENT });
      expect(ran?.elr).toBe(BigInt((ran?.base ?? 0) + 16));
      expect(onOwnCore(1, [...moved.slice(0, 4), addSp8, loadBySp8]).vector).toBeNull();
    });
  });
});
