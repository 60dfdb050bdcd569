// SPDX-License-Identifier: GPL-2.0-only
/**
 * Scalar floating point: data processing, comparison, selection, immediates and conversions.
 *
 * Arm ARM DDI 0487, C4.1.96. M and S are 0 in all allocated encodings.
 */

import {
  type FpBinary,
  fpAbsolute,
  fpAdd,
  fpDivide,
  fpMultiply,
  fpMultiplyAdd,
  fpNegate,
  fpSquareRoot,
  fpSubtract,
} from './arithmetic.ts';
import { FLAGS_OF_ORDER, fpCompare, fpMaximum, fpMaximumNumber, fpMinimum, fpMinimumNumber } from './compare.ts';
import { fixedToFp, fpConvert, fpImmediate, fpRoundInt, fpToFixed } from './convert.ts';
import {
  DOUBLE,
  type FpEnvironment,
  type FpFormat,
  fpcrRounding,
  HALF,
  type Rounding,
  ROUNDING,
  SINGLE,
} from './environment.ts';
import type { Operation, SimdState, VectorRegisters } from './vector-registers.ts';

/** Fields common to all classes here. */
export interface ScalarFp {
  readonly M: number;
  readonly S: number;
  readonly ptype: number;
  readonly Rn: number;
  readonly Rd: number;
}

const FORMATS: readonly (FpFormat | null)[] = [SINGLE, DOUBLE, null, HALF];

function formatOf({ M, S, ptype }: ScalarFp): FpFormat | null {
  return M === 0 && S === 0 ? (FORMATS[ptype] ?? null) : null;
}

/** Reads and writes a scalar register's bits in a format; a write zeroes the bits above. */
export const readScalar = (v: VectorRegisters, index: number, format: FpFormat): bigint =>
  format === DOUBLE ? (v.u64[index * 2] ?? 0n) : BigInt((format === SINGLE ? v.u32[index * 4] : v.u16[index * 8]) ?? 0);

export function writeScalar(v: VectorRegisters, index: number, bits: bigint): void {
  v.u64[index * 2] = bits;
  v.u64[index * 2 + 1] = 0n;
}

type OneSource = (format: FpFormat, bits: bigint, environment: FpEnvironment) => bigint;

/** Rounds to an integer; a null rounding mode means FPCR's. */
const roundInt =
  (rounding: Rounding | null, exact = false): OneSource =>
  (format, bits, environment) =>
    fpRoundInt(format, bits, rounding ?? fpcrRounding(environment.fpcr), exact, environment);

const ONE_SOURCE: Readonly<Record<number, OneSource>> = {
  0b000000: (_format, bits) => bits, // FMOV
  0b000001: fpAbsolute, // FABS
  0b000010: fpNegate, // FNEG
  0b000011: fpSquareRoot, // FSQRT
  0b001000: roundInt(ROUNDING.tiesToEven), // FRINTN
  0b001001: roundInt(ROUNDING.towardPlusInfinity), // FRINTP
  0b001010: roundInt(ROUNDING.towardMinusInfinity), // FRINTM
  0b001011: roundInt(ROUNDING.towardZero), // FRINTZ
  0b001100: roundInt(ROUNDING.tiesAway), // FRINTA
  0b001110: roundInt(null, true), // FRINTX
  0b001111: roundInt(null), // FRINTI
};

export function decodeOneSource(fields: ScalarFp & { readonly opcode: number }): Operation | null {
  const { opcode, Rn, Rd } = fields;
  const format = formatOf(fields);
  if (format === null) return null;
  if (opcode >> 2 === 1) {
    // FCVT to the format that the low opcode bits select.
    const to = FORMATS[opcode & 3] ?? null;
    if (to === null || to === format) return null;
    return (state) => {
      const bits = readScalar(state.v, Rn, format);
      writeScalar(state.v, Rd, fpConvert(format, to, bits, fpcrRounding(state.fpcr), state));
    };
  }
  const operation = ONE_SOURCE[opcode];
  if (operation === undefined) return null;
  return (state) => writeScalar(state.v, Rd, operation(format, readScalar(state.v, Rn, format), state));
}

const TWO_SOURCE: readonly FpBinary[] = [
  fpMultiply,
  fpDivide,
  fpAdd,
  fpSubtract,
  fpMaximum,
  fpMinimum,
  fpMaximumNumber,
  fpMinimumNumber,
  (format, a, b, environment) => fpNegate(format, fpMultiply(format, a, b, environment)), // FNMUL
];

export function decodeTwoSource(fields: ScalarFp & { readonly Rm: number; readonly opcode: number }): Operation | null {
  const { Rm, opcode, Rn, Rd } = fields;
  const format = formatOf(fields);
  const operation = TWO_SOURCE[opcode];
  if (format === null || operation === undefined) return null;
  return (state) => {
    const a = readScalar(state.v, Rn, format);
    writeScalar(state.v, Rd, operation(format, a, readScalar(state.v, Rm, format), state));
  };
}

/** FMADD, FMSUB, FNMADD, FNMSUB: o1 negates the addend, and o1 or o0 (not both) the product. */
export function decodeThreeSource(
  fields: ScalarFp & { readonly o1: number; readonly o0: number; readonly Rm: number; readonly Ra: number },
): Operation | null {
  const { o1, o0, Rm, Ra, Rn, Rd } = fields;
  const format = formatOf(fields);
  if (format === null) return null;
  return (state) => {
    const addend = readScalar(state.v, Ra, format);
    const a = readScalar(state.v, Rn, format);
    const bits = fpMultiplyAdd(
      format,
      o1 === 1 ? fpNegate(format, addend) : addend,
      o1 === o0 ? a : fpNegate(format, a),
      readScalar(state.v, Rm, format),
      state,
    );
    writeScalar(state.v, Rd, bits);
  };
}

const compared = (state: SimdState, format: FpFormat, Rn: number, Rm: number | null, signalsQuiet: boolean): number => {
  const b = Rm === null ? 0n : readScalar(state.v, Rm, format);
  return FLAGS_OF_ORDER[fpCompare(format, readScalar(state.v, Rn, format), b, signalsQuiet, state)];
};

/** FCMP and FCMPE, with a register or with zero. */
export function decodeCompare(
  fields: Omit<ScalarFp, 'Rd'> & { readonly Rm: number; readonly op: number; readonly opcode2: number },
): Operation | null {
  const { Rm, op, opcode2, Rn } = fields;
  const format = formatOf({ ...fields, Rd: 0 });
  if (format === null || op !== 0 || (opcode2 & 7) !== 0) return null;
  const other = (opcode2 & 0b01000) === 0 ? Rm : null;
  const signalsQuiet = (opcode2 & 0b10000) !== 0;
  return (state) => {
    state.nzcv = compared(state, format, Rn, other, signalsQuiet);
  };
}

/** ConditionHolds of the Arm ARM. */
export function conditionHolds(condition: number, nzcv: number): boolean {
  const [n, z, c, v] = [(nzcv & 8) !== 0, (nzcv & 4) !== 0, (nzcv & 2) !== 0, (nzcv & 1) !== 0];
  const holds = [z, c, n, v, c && !z, n === v, n === v && !z, true][condition >> 1] ?? true;
  return (condition & 1) === 1 && condition !== 15 ? !holds : holds;
}

export function decodeConditionalCompare(
  fields: Omit<ScalarFp, 'Rd'> & {
    readonly Rm: number;
    readonly cond: number;
    readonly op: number;
    readonly nzcv: number;
  },
): Operation | null {
  const { Rm, cond, op, nzcv, Rn } = fields;
  const format = formatOf({ ...fields, Rd: 0 });
  if (format === null) return null;
  return (state) => {
    state.nzcv = conditionHolds(cond, state.nzcv) ? compared(state, format, Rn, Rm, op === 1) : nzcv;
  };
}

export function decodeConditionalSelect(
  fields: ScalarFp & { readonly Rm: number; readonly cond: number },
): Operation | null {
  const { Rm, cond, Rn, Rd } = fields;
  const format = formatOf(fields);
  if (format === null) return null;
  return (state) => writeScalar(state.v, Rd, readScalar(state.v, conditionHolds(cond, state.nzcv) ? Rn : Rm, format));
}

export function decodeImmediate(
  fields: Omit<ScalarFp, 'Rn'> & { readonly imm8: number; readonly imm5: number },
): Operation | null {
  const format = formatOf({ ...fields, Rn: 0 });
  if (format === null || fields.imm5 !== 0) return null;
  const bits = fpImmediate(format, fields.imm8);
  return ({ v }) => writeScalar(v, fields.Rd, bits);
}

/** Conversions; `sf` gives the width of the general-purpose register. */
export interface Conversion extends Omit<ScalarFp, 'M'> {
  readonly sf: number;
  readonly rmode: number;
  readonly opcode: number;
}

const { tiesToEven, tiesAway, towardZero } = ROUNDING;

const toGeneral = (
  format: FpFormat,
  { sf, Rn, Rd }: Conversion,
  fractionBits: number,
  unsigned: boolean,
  rounding: Rounding,
): Operation => {
  const width = sf === 1 ? 64 : 32;
  return (state) =>
    state.setX(Rd, fpToFixed(format, readScalar(state.v, Rn, format), fractionBits, unsigned, width, rounding, state));
};

const fromGeneral = (
  format: FpFormat,
  { sf, Rn, Rd }: Conversion,
  fractionBits: number,
  unsigned: boolean,
): Operation => {
  const width = sf === 1 ? 64 : 32;
  return (state) => {
    const bits = BigInt.asUintN(width, state.getX(Rn));
    const integer = unsigned ? bits : BigInt.asIntN(width, bits);
    writeScalar(state.v, Rd, fixedToFp(format, integer, fractionBits, fpcrRounding(state.fpcr), state));
  };
};

/** SCVTF, UCVTF, FCVTZS, FCVTZU (fixed-point). */
export function decodeFixedPoint(fields: Conversion & { readonly scale: number }): Operation | null {
  const { sf, rmode, opcode, scale } = fields;
  const format = formatOf({ ...fields, M: 0 });
  if (format === null || (sf === 0 && scale < 32)) return null;
  const fractionBits = 64 - scale;
  const unsigned = (opcode & 1) === 1;
  if (rmode === 0 && opcode >> 1 === 1) return fromGeneral(format, fields, fractionBits, unsigned);
  if (rmode === 3 && opcode >> 1 === 0) return toGeneral(format, fields, fractionBits, unsigned, towardZero);
  return null;
}

/** Conversions with integers, and FMOV between the register files. */
export function decodeIntegerConversion(fields: Conversion): Operation | null {
  const { S, ptype, rmode, opcode } = fields;
  if (opcode >> 1 === 3) return S === 0 ? decodeMove(fields) : null;
  const format = formatOf({ ...fields, M: 0 });
  if (format === null) return null;
  const unsigned = (opcode & 1) === 1;
  if (opcode >> 1 === 0) {
    // FCVT{N,P,M,Z}{S,U}: rmode is numbered as FPCR.RMode.
    const rounding = ([tiesToEven, 1, 2, towardZero] as const)[rmode] ?? tiesToEven;
    return toGeneral(format, fields, 0, unsigned, rounding);
  }
  if (rmode !== 0 || ptype === 2) return null;
  if (opcode >> 1 === 1) return fromGeneral(format, fields, 0, unsigned);
  return toGeneral(format, fields, 0, unsigned, tiesAway);
}

/**
 * FMOV: opcode 110 writes the general-purpose register, 111 reads it; rmode 01 uses the upper half
 * of a vector.
 */
function decodeMove({ sf, ptype, rmode, opcode, Rn, Rd }: Conversion): Operation | null {
  const toX = opcode === 6;
  if (rmode === 1) {
    if (sf === 0 || ptype !== 2) return null;
    if (toX) return (state) => state.setX(Rd, state.v.u64[Rn * 2 + 1] ?? 0n);
    return (state) => {
      state.v.u64[Rd * 2 + 1] = state.getX(Rn);
    };
  }
  const format = FORMATS[ptype] ?? null;
  if (rmode !== 0 || format === null || (format !== HALF && (format === DOUBLE) !== (sf === 1))) return null;
  if (toX) return (state) => state.setX(Rd, readScalar(state.v, Rn, format));
  return (state) => writeScalar(state.v, Rd, BigInt.asUintN(format.bits, state.getX(Rn)));
}
