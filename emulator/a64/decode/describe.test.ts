// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { describeInstruction } from './describe.ts';

describe('an instruction word for people', () => {
  it.each([
    [0x910c_c3ff, 'ADD, SUB (immediate)  sf=1 op=0 S=0 sh=0 imm12=0x330 Rn=x31 Rd=x31'],
    [0xd538_2000, 'MRS TTBR0_EL1  o0=1 op1=0 CRn=2 CRm=0 op2=0 Rt=x0'],
    [0x1e62_2820, 'FADD'],
    [0xd503_201f, 'hint'],
    [0, 'unallocated'],
  ])('0x%s', (word, text) => {
    expect(describeInstruction(word)).toContain(text);
  });

  it.each([
    ['b', 0x1700_0000, 0x1_0000_0000n - 0x400_0000n],
    ['b.eq', 0x5400_0040, 0x1_0000_0008n],
    ['cbnz backwards', 0xb5ff_ffe0, 0xffff_fffcn],
    ['tbz', 0x3600_0020, 0x1_0000_0004n],
  ])('a branch leads where its offset says: %s', (_name, word, target) => {
    expect(describeInstruction(word, 0x1_0000_0000n)).toContain(` to 0x${target.toString(16)}`);
  });
});
