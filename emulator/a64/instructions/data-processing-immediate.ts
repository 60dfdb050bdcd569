// SPDX-License-Identifier: GPL-2.0-only
/**
 * Data processing with an immediate: PC-relative addresses, add and subtract, logical, move wide,
 * bitfield, extract.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.92; DecodeBitMasks in J1.
 */

import type { A64Code, Width } from '#emulator/a64/a64-code.ts';
import { decodeBitMask } from '#emulator/a64/decode/bit-mask.ts';
import { instruction, type Instruction } from '#emulator/a64/decode/instruction.ts';
import { type I32, i64, op, type Value } from '#emulator/a64/wasm/expressions.ts';
import { addSubtract, type LogicalOperation, logical, widthOf } from './arithmetic.ts';

/** `imm` of `width` bits as a value of that width. */
const immediateOf = (code: A64Code, width: Width): Value => (width === 64 ? code.immediate : op.wrap(code.immediate));

interface BitMaskFields {
  readonly sf: number;
  readonly N: number;
  readonly imms: number;
  readonly immr: number;
}
const isBitMask = ({ sf, N, imms, immr }: BitMaskFields): boolean =>
  (sf === 1 || N === 0) && decodeBitMask(N, imms, immr) !== null;

const adr =
  (page: boolean) =>
  ({ immlo, immhi }: { readonly immlo: number; readonly immhi: number }) => {
    const offset = BigInt.asIntN(21, BigInt((immhi << 2) | immlo));
    return page ? offset << 12n : offset;
  };

const LOGICAL: Readonly<Record<number, LogicalOperation>> = { 0: 'and', 1: 'or', 2: 'xor', 3: 'and' };

/** SBFM (0), BFM (1), UBFM (2). */
function bitfield(code: A64Code, opc: number, width: Width, f: Record<'immr' | 'imms' | 'Rn' | 'Rd', I32>): void {
  // Both widths compute in 64 bits: the source is zero-extended and the result truncated.
  const source = width === 64 ? code.x(f.Rn) : op.extendU(code.reg(f.Rn, 32));
  const [r, s] = [op.extendU(f.immr), op.extendU(f.imms)];
  const isExtract = code.let(op.geU(f.imms, f.immr));
  // BFXIL and its kin move bits s to r to position 0. BFI and its kin move bits s to 0 to position
  // width - r.
  const bits = code.let(op.select(isExtract, op.add(op.sub(s, r), i64(1)), op.add(s, i64(1))));
  const from = op.select(isExtract, r, i64(0));
  const to = code.let(op.select(isExtract, i64(0), op.and(op.sub(i64(width), r), i64(width - 1))));
  // The field is shifted to the top, so that a shift to the right extends it.
  const top = op.shl(op.shrU(source, from), op.sub(i64(64), bits));
  const down = op.sub(i64(64), bits);
  const field = code.let(op.shl(opc === 0 ? op.shrS(top, down) : op.shrU(top, down), to));
  let result = field;
  if (opc === 1) {
    const ones = op.shl(op.shrU(i64(-1), down), to);
    result = op.or(op.and(code.x(f.Rd), op.not(ones)), field);
  }
  code.setReg(f.Rd, width === 64 ? result : op.wrap(result));
}

export const DATA_PROCESSING_IMMEDIATE: readonly Instruction[] = [
  instruction('ADR', '0 immlo:2 10000 immhi:19 Rd', { immediate: adr(false) }, (code, f) => {
    code.setReg(f.Rd, op.add(code.pc, code.immediate));
  }),
  instruction('ADRP', '1 immlo:2 10000 immhi:19 Rd', { immediate: adr(true) }, (code, f) => {
    code.setReg(f.Rd, op.add(op.and(code.pc, i64(~0xfff)), code.immediate));
  }),
  instruction(
    'ADD, SUB (immediate)',
    'sf op S 100010 sh imm12:12 Rn Rd',
    { immediate: ({ sh, imm12 }) => imm12 * (sh === 1 ? 4096 : 1) },
    (code, f) => {
      const width = widthOf(f.sf);
      const result = addSubtract(code, code.regOrSp(f.Rn, width), immediateOf(code, width), f.op === 1, f.S === 1);
      if (f.S === 1) code.setReg(f.Rd, result);
      else code.setRegOrSp(f.Rd, result);
    },
  ),
  instruction(
    'AND, ORR, EOR, ANDS (immediate)',
    'sf opc:2 100100 ~N immr:6 imms:6 Rn Rd',
    { where: isBitMask, immediate: ({ N, imms, immr }) => decodeBitMask(N, imms, immr) ?? 0n },
    (code, f) => {
      const width = widthOf(f.sf);
      const operation = LOGICAL[f.opc] as LogicalOperation;
      const result = logical(code, operation, code.reg(f.Rn, width), immediateOf(code, width), f.opc === 3);
      if (f.opc === 3) code.setReg(f.Rd, result);
      else code.setRegOrSp(f.Rd, result);
    },
  ),
  instruction(
    'MOVN, MOVZ, MOVK',
    'sf opc:2 100101 hw:2 imm16:16 Rd',
    { where: ({ sf, opc, hw }) => opc !== 1 && (sf === 1 || hw < 2) },
    (code, f) => {
      const at = i64(16 * f.hw);
      const value = op.shl(op.extendU(f.imm16), at);
      const wide =
        f.opc === 0
          ? op.not(value)
          : f.opc === 2
            ? value
            : op.or(op.and(code.x(f.Rd), op.not(op.shl(i64(0xffff), at))), value);
      code.setReg(f.Rd, f.sf === 1 ? wide : op.wrap(wide));
    },
  ),
  instruction(
    'SBFM, BFM, UBFM',
    'sf opc:2 100110 N immr:6 imms:6 Rn Rd',
    { where: ({ sf, opc, N, immr, imms }) => opc !== 3 && sf === N && (sf === 1 || (immr < 32 && imms < 32)) },
    (code, f) => bitfield(code, f.opc, widthOf(f.sf), f),
  ),
  instruction(
    'EXTR',
    'sf 00 100111 N 0 Rm imms:6 Rn Rd',
    { where: ({ sf, N, imms }) => sf === N && (sf === 1 || imms < 32) },
    (code, f) => {
      // ROR: the registers are the same. The interpreter does not know them here.
      if (f.Rn.constant !== null && f.Rn.constant === f.Rm.constant) {
        const rotated = f.sf === 0 ? op.rotr(code.reg(f.Rn, 32), f.imms) : op.rotr(code.x(f.Rn), op.extendU(f.imms));
        code.setReg(f.Rd, rotated);
        return;
      }
      if (f.sf === 0) {
        const [high, low] = [op.extendU(code.reg(f.Rn, 32)), op.extendU(code.reg(f.Rm, 32))];
        code.setReg(f.Rd, op.wrap(op.shrU(op.or(op.shl(high, i64(32)), low), op.extendU(f.imms))));
        return;
      }
      const by = op.extendU(f.imms);
      const low = op.shrU(code.x(f.Rm), by);
      // A shift by 64 would shift by 0 in WebAssembly, so it is done in two steps.
      const high = op.shl(op.shl(code.x(f.Rn), i64(1)), op.xor(by, i64(63)));
      code.setReg(f.Rd, op.or(low, high));
    },
  ),
];
