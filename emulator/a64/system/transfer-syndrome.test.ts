// SPDX-License-Identifier: GPL-2.0-only
/** Syndromes of stage 2 aborts of loads and stores, decoded again. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assemblyOf } from '#emulator/a64/decode/assembly.ts';
import { instructionDecoder } from '#emulator/a64/runtime.ts';
import { transferSyndrome } from './transfer-syndrome.ts';

/** SAS, SSE, SRT, SF, AR in words; null without ISV. */
function said(word: number): string | null {
  const iss = transferSyndrome(word);
  if (iss === 0) return null;
  expect(iss >>> 24).toBe(1);
  const register = `${(iss >>> 15) & 1 ? 'x' : 'w'}${(iss >>> 16) & 31}`;
  const order = (iss >>> 14) & 1 ? ' ordered' : '';
  return `${2 ** ((iss >>> 22) & 3)} ${(iss >>> 21) & 1 ? 'signed ' : ''}${register}${order}`;
}

describe('the syndrome of a load or store', () => {
  it.each([
    [0xb940_0023, 'ldr w3, [x1]', '4 w3'],
    [0xf940_0823, 'ldr x3, [x1, #0x10]', '8 x3'],
    [0x3980_0023, 'ldrsb x3, [x1]', '1 signed x3'],
    [0x79c0_0023, 'ldrsh w3, [x1]', '2 signed w3'],
    [0xb8a2_6831, 'ldrsw x17, [x1, x2]', '4 signed x17'],
    [0xb980_0023, 'ldrsw x3, [x1]', '4 signed x3'],
    [0x385f_d023, 'ldurb w3, [x1, #-3]', '1 w3'],
    [0xf840_0823, 'ldtr x3, [x1]', '8 x3'],
    [0x88df_fc23, 'ldar w3, [x1]', '4 w3 ordered'],
    [0x489f_fc23, 'stlrh w3, [x1]', '2 w3 ordered'],
    [0xf8bf_c023, 'ldapr x3, [x1]', '8 x3 ordered'],
    [0xf900_003f, 'str xzr, [x1]', '8 x31'],
    [0x1800_0043, 'ldr w3, 0x8', '4 w3'],
    [0x9800_0043, 'ldrsw x3, 0x8', '4 signed x3'],
    [0xf840_8c23, 'ldr x3, [x1, #8]!', null],
    [0xf800_8423, 'str x3, [x1], #8', null],
    [0xa940_0c22, 'ldp x2, x3, [x1]', null],
    [0x3dc0_0021, 'ldr q1, [x1]', null],
    [0xc85f_7c23, 'ldxr x3, [x1]', null],
    [0xf821_0022, 'ldadd x1, x2, [x1]', null],
    [0xf980_0020, 'prfm #0, [x1]', null],
    [0xc8a1_7c22, 'cas x1, x2, [x1]', null],
  ])('0x%s, %s', (word, text, expected) => {
    expect(assemblyOf(word, 0n)).toBe(text);
    expect(said(word)).toBe(expected);
  });

  it('names the register and its width that an assembler would write, of any word', () => {
    const space = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((word) => ((word & ~0x0a00_0000) | 0x0800_0000) >>> 0);
    fc.assert(
      fc.property(space, (word) => {
        if (instructionDecoder().decode(word, () => true) === null) return;
        const syndrome = said(word);
        const text = assemblyOf(word, 0n);
        if (syndrome === null || text === null) return;
        const [, name = '', register = ''] = /^(\w+) (\w+),/.exec(text) ?? [];
        expect(name).toMatch(/^(ld|st)(r|ur|tr|ar|lr|apr|lar|llr)(s?[bhw])?$/);
        expect(syndrome.replace('31', 'zr')).toContain(register.replace('31', 'zr'));
        expect(syndrome.includes('signed')).toBe(/s[bhw]$/.test(name));
        expect(syndrome.startsWith('1 ')).toBe(name.endsWith('b'));
        expect(syndrome.startsWith('2 ')).toBe(name.endsWith('h'));
      }),
      { numRuns: 2000 },
    );
  });
});
