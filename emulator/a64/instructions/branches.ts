// SPDX-License-Identifier: GPL-2.0-only
/**
 * Branches: conditional, compare, test, unconditional, register.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.93.
 */

import { instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { i32, i64, op } from '#emulator/a64/wasm/expressions.ts';
import { widthOf } from './arithmetic.ts';

/** Byte offset of a branch from a signed field of `bits` bits that counts instructions. */
const offset = (value: number, bits: number): bigint => BigInt.asIntN(bits, BigInt(value)) * 4n;

const LINK = i32(30);

export const BRANCHES: readonly Instruction[] = [
  instruction(
    'B.cond',
    '01010100 imm19:19 0 cond:4',
    { flow: 'conditional', immediate: ({ imm19 }) => offset(imm19, 19) },
    (code, f) => code.if(code.conditionHolds(f.cond), () => code.branchBy(code.immediate)),
  ),
  instruction(
    'B, BL',
    'op 00101 imm26:26',
    { flow: ({ op: link }) => (link === 1 ? 'call' : 'jump'), immediate: ({ imm26 }) => offset(imm26, 26) },
    (code, f) => {
      if (f.op === 1) code.setReg(LINK, op.add(code.pc, i64(4)));
      code.branchBy(code.immediate);
    },
  ),
  instruction(
    'CBZ, CBNZ',
    'sf 011010 op imm19:19 Rt',
    { flow: 'conditional', immediate: ({ imm19 }) => offset(imm19, 19) },
    (code, f) => {
      const isZero = op.isZero(code.reg(f.Rt, widthOf(f.sf)));
      code.if(f.op === 0 ? isZero : op.isZero(isZero), () => code.branchBy(code.immediate));
    },
  ),
  instruction(
    'TBZ, TBNZ',
    'b5 011011 op ~b40:5 imm14:14 Rt',
    { flow: 'conditional', immediate: ({ imm14 }) => offset(imm14, 14) },
    (code, f) => {
      const bit = op.and(op.shrU(code.x(f.Rt), op.extendU(op.add(f.b40, i32(32 * f.b5)))), i64(1));
      const isZero = op.isZero(bit);
      code.if(f.op === 0 ? isZero : op.isZero(isZero), () => code.branchBy(code.immediate));
    },
  ),
  instruction(
    'BR, BLR, RET',
    '1101011 00 opc:2 11111 000000 Rn 00000',
    { flow: ({ opc }) => (opc === 1 ? 'indirect call' : 'indirect'), where: ({ opc }) => opc !== 3 },
    (code, f) => {
      const target = code.let(code.x(f.Rn));
      if (f.opc === 1) code.setReg(LINK, op.add(code.pc, i64(4)));
      code.branch(target);
    },
  ),
];
