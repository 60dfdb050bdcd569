// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { describeInstruction } from './describe.ts';

const PC = 0x4000_0000n;

describe('an instruction word for people', () => {
  it.each([
    [0x910c_c3ff, 'add sp, sp, #0x330'],
    [0xd538_2000, 'mrs x0, ttbr0_el1'],
    [0xd53d_1000, 'mrs x0, s3_5_c1_c0_0'],
    [0x1e62_2820, 'fadd d0, d1, d2'],
    [0xd503_201f, 'nop'],
    [0xb000_0000, 'adrp x0, 0x40001000'],
    [0x5400_0040, 'b.eq 0x40000008'],
    [0xa9bf_7bfd, 'stp x29, x30, [sp, #-0x10]!'],
    [0xaa1f_03fd, 'mov x29, xzr'],
    [0x9240_2000, 'and x0, x0, #0x1ff'],
    [0x4e28_4820, 'AESE, AESD, AESMC, AESIMC  size=0 opcode=4 Rn=1 Rd=0'],
    [0, 'unallocated, or data'],
  ])('0x%s', (word, text) => {
    expect(describeInstruction(word, PC)).toBe(text);
  });
});
