// SPDX-License-Identifier: GPL-2.0-only
/**
 * Data processing with registers: logical, add and subtract, conditional, one to three sources,
 * CRC32.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.95.
 */

import type { A64Code } from '#emulator/a64/a64-code.ts';
import { helped, instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { i64, op, type Value } from '#emulator/a64/wasm/expressions.ts';
import {
  addSubtract,
  addWithCarry,
  extended,
  logical,
  type LogicalOperation,
  multiplyHigh,
  shifted,
  widthOf,
} from './arithmetic.ts';
import { crc32 } from './crc32.ts';

const LOGICAL = ['and', 'or', 'xor', 'and'] as const satisfies readonly LogicalOperation[];

/** Quotient as A64 defines it: 0 for a division by 0, no overflow exception. */
function divide(code: A64Code, left: Value, right: Value, isSigned: boolean): Value {
  const [a, b] = [code.let(left), code.let(right)];
  const result = code.variable(a.type);
  code.if(op.isZero(op.isZero(b)), () => {
    if (!isSigned) return result.set(op.divU(a, b));
    // WebAssembly's signed division traps when the quotient overflows.
    code.if(
      op.eq(b, op.constant(b.type, -1n)),
      () => result.set(op.neg(a)),
      () => result.set(op.divS(a, b)),
    );
  });
  return result.get;
}

/** Reverses the bytes within each element of `bytes` bytes. */
function reverseBytes(code: A64Code, value: Value<'i64'>, bytes: number): Value<'i64'> {
  const swap = (of: Value<'i64'>, mask: bigint, by: number): Value<'i64'> => {
    const once = code.let(of);
    const [shift, lower] = [i64(by), i64(mask)];
    return op.or(op.and(op.shrU(once, shift), lower), op.shl(op.and(once, lower), shift));
  };
  let result = swap(value, 0x00ff_00ff_00ff_00ffn, 8);
  if (bytes > 2) result = swap(result, 0x0000_ffff_0000_ffffn, 16);
  return bytes > 4 ? op.rotr(code.let(result), i64(32)) : result;
}

function reverseBits(code: A64Code, value: Value<'i64'>): Value<'i64'> {
  const swap = (of: Value<'i64'>, mask: bigint, by: number): Value<'i64'> => {
    const once = code.let(of);
    return op.or(op.and(op.shrU(once, i64(by)), i64(mask)), op.shl(op.and(once, i64(mask)), i64(by)));
  };
  const nibbles = swap(value, 0x0f0f_0f0f_0f0f_0f0fn, 4);
  return reverseBytes(code, swap(swap(nibbles, 0x3333_3333_3333_3333n, 2), 0x5555_5555_5555_5555n, 1), 8);
}

const zeroExtended = (value: Value): Value<'i64'> =>
  value.type === 'i64' ? (value as Value<'i64'>) : op.extendU(value as Value<'i32'>);

export const DATA_PROCESSING_REGISTER: readonly Instruction[] = [
  instruction(
    'AND, BIC, ORR, ORN, EOR, EON, ANDS, BICS (shifted register)',
    'sf opc:2 01010 shift:2 N Rm imm6:6 Rn Rd',
    { where: ({ sf, imm6 }) => sf === 1 || imm6 < 32 },
    (code, f) => {
      const width = widthOf(f.sf);
      const second = shifted(code.reg(f.Rm, width), f.shift, f.imm6);
      const operand = f.N === 1 ? op.not(second) : second;
      const name = LOGICAL[f.opc] as LogicalOperation;
      code.setReg(f.Rd, logical(code, name, code.reg(f.Rn, width), operand, f.opc === 3));
    },
  ),
  instruction(
    'ADD, SUB (shifted register)',
    'sf op S 01011 shift:2 0 Rm imm6:6 Rn Rd',
    { where: ({ sf, shift, imm6 }) => shift !== 3 && (sf === 1 || imm6 < 32) },
    (code, f) => {
      const width = widthOf(f.sf);
      const second = shifted(code.reg(f.Rm, width), f.shift, f.imm6);
      code.setReg(f.Rd, addSubtract(code, code.reg(f.Rn, width), second, f.op === 1, f.S === 1));
    },
  ),
  instruction(
    'ADD, SUB (extended register)',
    'sf op S 01011001 Rm option:3 imm3:3 Rn Rd',
    { where: ({ imm3 }) => imm3 <= 4 },
    (code, f) => {
      const width = widthOf(f.sf);
      const second = extended(code, f.Rm, f.option, f.imm3, width);
      const result = addSubtract(code, code.regOrSp(f.Rn, width), second, f.op === 1, f.S === 1);
      if (f.S === 1) code.setReg(f.Rd, result);
      else code.setRegOrSp(f.Rd, result);
    },
  ),
  instruction('ADC, SBC', 'sf op S 11010000 Rm 000000 Rn Rd', {}, (code, f) => {
    const width = widthOf(f.sf);
    const second: Value = code.reg(f.Rm, width);
    const operand = f.op === 1 ? op.not(second) : second;
    code.setReg(f.Rd, addWithCarry(code, code.reg(f.Rn, width), operand, f.S === 1));
  }),
  instruction('CCMN, CCMP', 'sf op 111010010 Rm ~cond:4 imm 0 Rn 0 ~nzcv:4', {}, (code, f) => {
    const width = widthOf(f.sf);
    code.if(
      code.condition(f.cond),
      () => {
        const immediate: Value = width === 64 ? op.extendU(f.Rm) : f.Rm;
        const operand = op.select(f.imm, immediate, code.reg(f.Rm, width));
        addSubtract(code, code.reg(f.Rn, width), operand, f.op === 1, true);
      },
      () => code.setNzcv(f.nzcv),
    );
  }),
  instruction('CSEL, CSINC, CSINV, CSNEG', 'sf op 011010100 Rm ~cond:4 0 o2 Rn Rd', {}, (code, f) => {
    const width = widthOf(f.sf);
    const [a, b]: [Value, Value] = [code.reg(f.Rn, width), code.reg(f.Rm, width)];
    const otherwise = f.op === 1 ? op.not(b) : b;
    const incremented = f.o2 === 1 ? op.add(otherwise, op.constant(a.type, 1n)) : otherwise;
    code.setReg(f.Rd, op.select(code.condition(f.cond), a, incremented));
  }),
  instruction('UDIV, SDIV', 'sf 0011010110 Rm 00001 o1 Rn Rd', {}, (code, f) => {
    const width = widthOf(f.sf);
    code.setReg(f.Rd, divide(code, code.reg(f.Rn, width), code.reg(f.Rm, width), f.o1 === 1));
  }),
  instruction('LSLV, LSRV, ASRV, RORV', 'sf 0011010110 Rm 0010 op2:2 Rn Rd', {}, (code, f) => {
    const width = widthOf(f.sf);
    const value: Value = code.reg(f.Rn, width);
    // WebAssembly takes the count modulo the width, as A64 does.
    code.setReg(f.Rd, shifted(value, f.op2, code.reg(f.Rm, 32)));
  }),
  helped(
    'CRC32, CRC32C',
    'sf 0011010110 Rm 010 C sz:2 Rn Rd',
    { feature: 'CRC32', where: ({ sf, sz }) => (sf === 1) === (sz === 3) },
    ({ Rm, C, sz, Rn, Rd }) =>
      ({ x, xWords }) => {
        const low = Rm === 31 ? 0 : (xWords[2 * Rm] as number);
        const high = Rm === 31 ? 0 : (xWords[2 * Rm + 1] as number);
        const result = crc32(xWords[2 * Rn] as number, low, high, 1 << sz, C === 1);
        if (Rd !== 31) x[Rd] = BigInt(result);
      },
  ),
  instruction('RBIT', 'sf 101101011000000000000 Rn Rd', {}, (code, f) => {
    const reversed = reverseBits(code, zeroExtended(code.reg(f.Rn, widthOf(f.sf))));
    code.setReg(f.Rd, f.sf === 1 ? reversed : op.shrU(reversed, i64(32)));
  }),
  instruction(
    'REV16, REV32, REV',
    'sf 1011010110000000000 opc:2 Rn Rd',
    { where: ({ sf, opc }) => opc !== 0 && (sf === 1 || opc !== 3) },
    (code, f) => {
      const value = zeroExtended(code.reg(f.Rn, widthOf(f.sf)));
      const result = reverseBytes(code, value, 1 << f.opc);
      code.setReg(f.Rd, f.sf === 1 ? result : op.wrap(result));
    },
  ),
  instruction('CLZ, CLS', 'sf 10110101100000000010 op Rn Rd', {}, (code, f) => {
    const value = code.let(code.reg(f.Rn, widthOf(f.sf)));
    if (f.op === 0) return code.setReg(f.Rd, op.clz(value));
    // Ones where a bit differs from the bit below it: all bits above the first one equal the sign.
    const one = op.constant(value.type, 1n);
    const changes = op.xor(value, op.shrS(value, one));
    return code.setReg(f.Rd, op.sub(op.clz(changes), one));
  }),
  instruction('MADD, MSUB', 'sf 0011011000 Rm o0 Ra Rn Rd', {}, (code, f) => {
    const width = widthOf(f.sf);
    const product = op.mul(code.reg(f.Rn, width), code.reg(f.Rm, width));
    const addend: Value = code.reg(f.Ra, width);
    code.setReg(f.Rd, f.o0 === 1 ? op.sub(addend, product) : op.add(addend, product));
  }),
  instruction('SMADDL, SMSUBL, UMADDL, UMSUBL', '10011011 U 01 Rm o0 Ra Rn Rd', {}, (code, f) => {
    const extend = f.U === 1 ? op.extendU : op.extendS;
    const product = op.mul(extend(code.reg(f.Rn, 32)), extend(code.reg(f.Rm, 32)));
    const addend = code.x(f.Ra);
    code.setReg(f.Rd, f.o0 === 1 ? op.sub(addend, product) : op.add(addend, product));
  }),
  // Ra is ignored: its bits are not fixed.
  instruction('SMULH, UMULH', '10011011 U 10 Rm 0 Ra Rn Rd', {}, (code, f) => {
    code.setReg(f.Rd, multiplyHigh(code, code.x(f.Rn), code.x(f.Rm), f.U === 0));
  }),
];
