// SPDX-License-Identifier: GPL-2.0-only
/**
 * Advanced SIMD two-register miscellaneous, its FP16 class, and their scalar forms. Arm ARM DDI
 * 0487, C4.1.96.
 */

import { fpAbsolute, fpNegate, fpSquareRoot } from './arithmetic.ts';
import { fpConvert, fpRoundInt, fpToFixed } from './convert.ts';
import { DOUBLE, type FpFormat, fpcrRounding, HALF, type Rounding, ROUNDING, SINGLE } from './environment.ts';
import {
  fpReciprocalEstimate,
  fpReciprocalExponent,
  fpSquareRootEstimate,
  unsignedReciprocalEstimate,
  unsignedSquareRootEstimate,
} from './estimate.ts';
import { bitsOf, type FpLaneOperationOf, formatOfSize, laneOf, sizeOf, unary, zeroComparison } from './fp-lanes.ts';
import {
  absolute,
  accumulateOther,
  countLeadingSigns,
  countLeadingZeros,
  countOnes,
  equalZero,
  greaterOrEqualZero,
  greaterThanZero,
  invert,
  type LaneOperationOf,
  lessOrEqualZero,
  lessThanZero,
  negate,
  reverseBits,
  saturatingAbsolute,
  saturatingNegate,
} from './lanes.ts';
import { commitPart, narrow, narrowingShift } from './long-operations.ts';
import { toFp } from './shift-immediate.ts';
import { at, commit, lanesOf, laneTypeOf, lanewise, type Operation, result } from './vector-registers.ts';

export interface TwoRegister {
  readonly scalar: boolean;
  readonly Q: number;
  readonly U: number;
  readonly size: number;
  readonly opcode: number;
  readonly Rn: number;
  readonly Rd: number;
}

type Decode = (fields: TwoRegister) => Operation | null;

/** Lane sizes as bits of a set. */
const B = 1;
const H = 2;
const S = 4;
const D = 8;
const BHS = B | H | S;
const BHSD = BHS | D;

/** Operates lane by lane; U gives the signedness unless `signed` does. */
const lanes =
  (operation: LaneOperationOf, vector: number, scalar = 0, signed?: boolean): Decode =>
  ({ scalar: isScalar, Q, U, size, Rn, Rd }) => {
    if (((isScalar ? scalar : vector) & (1 << size)) === 0 || (!isScalar && size === 3 && Q === 0)) return null;
    const type = laneTypeOf(size, signed ?? U === 0);
    return lanewise(type, lanesOf(type, isScalar, Q), { Rd, Rn, Rm: Rn }, operation(type));
  };

/** Reverses lanes of `size` within containers of 2^`container` bytes. */
const reverse =
  (container: number): Decode =>
  ({ scalar, Q, size, Rn, Rd }) => {
    if (scalar || size >= container) return null;
    const type = laneTypeOf(size, false);
    const flip = (1 << (container - size)) - 1;
    return (state) => {
      const from = type.view(state.v);
      const to = type.view(result);
      for (let i = 0; i < type.perRegister; i += 1) to[i] = at(from, Rn * type.perRegister + (i ^ flip));
      commit(state.v, Rd, Q === 1 ? 16 : 8);
    };
  };

/** SADDLP, UADDLP, SADALP, UADALP: sums of adjacent lanes, twice as wide. */
const addLongPairwise =
  (accumulates: boolean): Decode =>
  ({ scalar, Q, U, size, Rn, Rd }) => {
    if (scalar || size === 3) return null;
    const type = laneTypeOf(size, U === 0);
    const wide = laneTypeOf(size + 1, U === 0);
    const count = lanesOf(wide, false, Q);
    return (state) => {
      const from = type.view(state.v);
      const old = wide.view(state.v);
      const to = wide.view(result);
      for (let i = 0; i < count; i += 1) {
        const first = Rn * type.perRegister + 2 * i;
        const sum = wide.from(at(from, first)) + wide.from(at(from, first + 1));
        to[i] = accumulates ? at(old, Rd * wide.perRegister + i) + sum : sum;
      }
      commit(state.v, Rd, count * wide.bytes);
    };
  };

/** XTN, SQXTN, UQXTN, SQXTUN. */
const extractNarrow =
  (from: boolean, to: boolean | null): Decode =>
  (fields) => {
    if (fields.size === 3 || (fields.scalar && to === null)) return null;
    const target = to === null ? null : laneTypeOf(fields.size, to);
    return narrow(fields.size, from, { ...fields, Rm: fields.Rn }, narrowingShift(fields.size, from, 0, false, target));
  };

/** SHLL: shifts left by the lane size, into lanes twice as wide. */
const shiftLeftLong: Decode = ({ scalar, Q, size, Rn, Rd }) => {
  if (scalar || size === 3) return null;
  const type = laneTypeOf(size, false);
  const wide = laneTypeOf(size + 1, false);
  const n = Rn * type.perRegister + Q * wide.perRegister;
  return (state) => {
    const from = type.view(state.v);
    const to = wide.view(result);
    for (let i = 0; i < wide.perRegister; i += 1) to[i] = wide.shiftLeft(wide.from(at(from, n + i)), type.bits);
    commit(state.v, Rd, 16);
  };
};

const notOrReverseBits: Decode = (fields) => {
  if (fields.size > 1) return null;
  return lanes(fields.size === 0 ? invert : reverseBits, B)({ ...fields, size: 0 });
};

/** URECPE and URSQRTE, on words. */
const unsignedEstimate = (estimate: (value: number) => number): Decode => lanes(() => estimate, S, 0, false);

const INTEGER: Readonly<Record<number, readonly [Decode | null, Decode | null]>> = {
  0b00000: [reverse(3), reverse(2)], // REV64, REV32
  0b00001: [reverse(1), null], // REV16
  0b00010: [addLongPairwise(false), addLongPairwise(false)], // SADDLP, UADDLP
  0b00011: [
    // SUQADD.
    (fields) => lanes(accumulateOther(laneTypeOf(fields.size, false)), BHSD, BHSD)(fields),
    (fields) => lanes(accumulateOther(laneTypeOf(fields.size, true)), BHSD, BHSD)(fields), // USQADD
  ],
  0b00100: [lanes(countLeadingSigns, BHS), lanes(countLeadingZeros, BHS)], // CLS, CLZ
  0b00101: [lanes(countOnes, B, 0, false), notOrReverseBits], // CNT, NOT, RBIT
  0b00110: [addLongPairwise(true), addLongPairwise(true)], // SADALP, UADALP
  // SQABS, SQNEG.
  0b00111: [lanes(saturatingAbsolute, BHSD, BHSD), lanes(saturatingNegate, BHSD, BHSD, true)],
  // CMGT, CMGE.
  0b01000: [lanes(greaterThanZero, BHSD, D), lanes(greaterOrEqualZero, BHSD, D, true)],
  0b01001: [lanes(equalZero, BHSD, D), lanes(lessOrEqualZero, BHSD, D, true)], // CMEQ, CMLE
  0b01010: [lanes(lessThanZero, BHSD, D), null], // CMLT
  0b01011: [lanes(absolute, BHSD, D), lanes(negate, BHSD, D, true)], // ABS, NEG
  0b10010: [extractNarrow(false, null), extractNarrow(true, false)], // XTN, SQXTUN
  0b10011: [null, shiftLeftLong], // SHLL
  0b10100: [extractNarrow(true, true), extractNarrow(false, false)], // SQXTN, UQXTN
};

interface FpRow {
  readonly operation: FpLaneOperationOf;
  readonly scalar: boolean;
}

const vector = (operation: FpLaneOperationOf): FpRow => ({ operation, scalar: false });
const both = (operation: FpLaneOperationOf): FpRow => ({ operation, scalar: true });

const bitwise =
  (operation: (format: FpFormat, bits: bigint) => bigint): FpLaneOperationOf =>
  (format) =>
  (n) =>
    laneOf(format, operation(format, bitsOf(format, n)));

/** FRINT*: null means FPCR's rounding mode. */
const roundInt =
  (rounding: Rounding | null, exact = false): FpLaneOperationOf =>
  (format) =>
  (n, _m, state) =>
    laneOf(format, fpRoundInt(format, bitsOf(format, n), rounding ?? fpcrRounding(state.fpcr), exact, state));

/** FCVT to integers of the same size. */
const toInteger =
  (rounding: Rounding, unsigned: boolean): FpLaneOperationOf =>
  (format) =>
  (n, _m, state) =>
    laneOf(format, fpToFixed(format, bitsOf(format, n), 0, unsigned, format.bits, rounding, state));

const fromInteger =
  (unsigned: boolean): FpLaneOperationOf =>
  (format) =>
    toFp(sizeOf(format), unsigned, 0);

const { tiesToEven, tiesAway, towardPlusInfinity, towardMinusInfinity, towardZero } = ROUNDING;

/** FP rows by U, size<1> (`a` in the FP16 classes) and opcode. */
const FP: Readonly<Record<number, FpRow>> = {
  0b00_11000: vector(roundInt(tiesToEven)), // FRINTN
  0b00_11001: vector(roundInt(towardMinusInfinity)), // FRINTM
  0b00_11010: both(toInteger(tiesToEven, false)), // FCVTNS
  0b00_11011: both(toInteger(towardMinusInfinity, false)), // FCVTMS
  0b00_11100: both(toInteger(tiesAway, false)), // FCVTAS
  0b00_11101: both(fromInteger(false)), // SCVTF
  0b01_01100: both(zeroComparison(['greater'], true)), // FCMGT
  0b01_01101: both(zeroComparison(['equal'], false)), // FCMEQ
  0b01_01110: both(zeroComparison(['less'], true)), // FCMLT
  0b01_01111: vector(bitwise(fpAbsolute)), // FABS
  0b01_11000: vector(roundInt(towardPlusInfinity)), // FRINTP
  0b01_11001: vector(roundInt(towardZero)), // FRINTZ
  0b01_11010: both(toInteger(towardPlusInfinity, false)), // FCVTPS
  0b01_11011: both(toInteger(towardZero, false)), // FCVTZS
  0b01_11101: both(unary(fpReciprocalEstimate)), // FRECPE
  0b10_11000: vector(roundInt(tiesAway)), // FRINTA
  0b10_11001: vector(roundInt(null, true)), // FRINTX
  0b10_11010: both(toInteger(tiesToEven, true)), // FCVTNU
  0b10_11011: both(toInteger(towardMinusInfinity, true)), // FCVTMU
  0b10_11100: both(toInteger(tiesAway, true)), // FCVTAU
  0b10_11101: both(fromInteger(true)), // UCVTF
  0b11_01100: both(zeroComparison(['greater', 'equal'], true)), // FCMGE
  0b11_01101: both(zeroComparison(['less', 'equal'], true)), // FCMLE
  0b11_01111: vector(bitwise(fpNegate)), // FNEG
  0b11_11001: vector(roundInt(null)), // FRINTI
  0b11_11010: both(toInteger(towardPlusInfinity, true)), // FCVTPU
  0b11_11011: both(toInteger(towardZero, true)), // FCVTZU
  0b11_11101: both(unary(fpSquareRootEstimate)), // FRSQRTE
  0b11_11111: vector(unary(fpSquareRoot)), // FSQRT
};

/** FRECPX is scalar only. */
const FRECPX: FpRow = both(unary(fpReciprocalExponent));
const FRECPX_KEY = 0b01_11111;

const key = (fields: TwoRegister): number => (fields.U << 6) | ((fields.size >> 1) << 5) | fields.opcode;

export function decodeTwoRegister(fields: TwoRegister): Operation | null {
  const { U, size, opcode } = fields;
  const integer = INTEGER[opcode];
  if (integer !== undefined) return integer[U === 0 ? 0 : 1]?.(fields) ?? null;
  const double = size & 1;
  if (opcode === 0b10110 && size < 2) return U === 0 ? convertNarrow(fields, double) : convertToOdd(fields, double);
  if (opcode === 0b10111 && size < 2 && U === 0) return convertLong(fields, double);
  if (opcode === 0b11100 && size === 2) {
    return unsignedEstimate(U === 0 ? unsignedReciprocalEstimate : unsignedSquareRootEstimate)(fields);
  }
  return decodeFp(fields, 2 + double);
}

/** FP16 class: `size` is that of the encoding (a:1). */
export const decodeTwoRegisterHalf = (fields: TwoRegister): Operation | null => decodeFp(fields, 1);

function decodeFp(fields: TwoRegister, size: number): Operation | null {
  const { scalar, Q, Rn, Rd } = fields;
  const row = scalar && key(fields) === FRECPX_KEY ? FRECPX : FP[key(fields)];
  if (row === undefined || (scalar ? !row.scalar : size === 3 && Q === 0)) return null;
  const type = laneTypeOf(size, false);
  return lanewise(type, lanesOf(type, scalar, Q), { Rd, Rn, Rm: Rn }, row.operation(formatOfSize(size)));
}

/** FCVTN: halves from singles, or singles from doubles. */
function convertNarrow({ scalar, Q, Rn, Rd }: TwoRegister, double: number): Operation | null {
  const [from, to] = double === 1 ? [DOUBLE, SINGLE] : [SINGLE, HALF];
  return scalar ? null : narrowFp(from, to, null, double === 1 ? 2 : 4, Q, Rd, Rn);
}

/** FCVTXN: rounded to odd. */
function convertToOdd({ scalar, Q, Rn, Rd }: TwoRegister, double: number): Operation | null {
  if (double === 0) return null;
  return narrowFp(DOUBLE, SINGLE, ROUNDING.toOdd, scalar ? 1 : 2, scalar ? 0 : Q, Rd, Rn);
}

function narrowFp(
  from: FpFormat,
  to: FpFormat,
  rounding: Rounding | null,
  count: number,
  part: number,
  Rd: number,
  Rn: number,
): Operation {
  const source = laneTypeOf(sizeOf(from), false);
  const target = laneTypeOf(sizeOf(to), false);
  return (state) => {
    const read = source.view(state.v);
    const written = target.view(result);
    for (let i = 0; i < count; i += 1) {
      const bits = bitsOf(from, at(read, Rn * source.perRegister + i));
      written[i] = laneOf(to, fpConvert(from, to, bits, rounding ?? fpcrRounding(state.fpcr), state));
    }
    commitPart(state.v, Rd, count * target.bytes, part);
  };
}

/** FCVTL: singles from halves, or doubles from singles. */
function convertLong({ scalar, Q, Rn, Rd }: TwoRegister, double: number): Operation | null {
  if (scalar) return null;
  const [from, to] = double === 1 ? [SINGLE, DOUBLE] : [HALF, SINGLE];
  const source = laneTypeOf(sizeOf(from), false);
  const target = laneTypeOf(sizeOf(to), false);
  const n = Rn * source.perRegister + Q * target.perRegister;
  return (state) => {
    const read = source.view(state.v);
    const written = target.view(result);
    for (let i = 0; i < target.perRegister; i += 1) {
      written[i] = laneOf(to, fpConvert(from, to, bitsOf(from, at(read, n + i)), fpcrRounding(state.fpcr), state));
    }
    commit(state.v, Rd, 16);
  };
}
