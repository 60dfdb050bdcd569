// SPDX-License-Identifier: GPL-2.0-only
/**
 * Advanced SIMD three same, three same (FP16), three same extra, and their scalar forms.
 *
 * Arm ARM DDI 0487, C4.1.96. Each row of a table is an allocated encoding; encodings without a row
 * are UNDEFINED.
 */

import {
  fpAbsolute,
  fpAbsoluteDifference,
  fpAdd,
  fpDivide,
  fpMultiply,
  fpMultiplyExtended,
  fpReciprocalStep,
  fpSquareRootStep,
  fpSubtract,
} from './arithmetic.ts';
import { fpMaximum, fpMaximumNumber, fpMinimum, fpMinimumNumber } from './compare.ts';
import { binary, comparison, type FpLaneOperationOf, formatOfSize, multiplyAdd } from './fp-lanes.ts';
import {
  absoluteDifference,
  absoluteDifferenceAccumulate,
  add,
  doublingMultiplyHigh,
  equal,
  greater,
  greaterOrEqual,
  halvingAdd,
  halvingSubtract,
  type LaneOperationOf,
  LOGICAL,
  maximum,
  minimum,
  multiply,
  multiplyAdd as integerMultiplyAdd,
  multiplySubtract,
  polynomialMultiply,
  roundingDoublingMultiplyAddHigh,
  roundingDoublingMultiplyHigh,
  roundingDoublingMultiplySubtractHigh,
  roundingHalvingAdd,
  roundingShift,
  saturatingAdd,
  saturatingRoundingShift,
  saturatingShift,
  saturatingSubtract,
  shift,
  subtract,
  testBits,
} from './lanes.ts';
import {
  at,
  commit,
  type LaneOperation,
  type LaneType,
  lanesOf,
  laneTypeOf,
  lanewise,
  type Operation,
  result,
} from './vector-registers.ts';

/** Fields of these classes; `scalar` marks the scalar form, where Q is 1. */
export interface ThreeSame {
  readonly scalar: boolean;
  readonly Q: number;
  readonly U: number;
  readonly size: number;
  readonly opcode: number;
  readonly Rm: number;
  readonly Rn: number;
  readonly Rd: number;
}

/** Lane sizes as bits of a set: 1 bytes, 2 halfwords, 4 words, 8 doublewords. */
const B = 1;
const H = 2;
const S = 4;
const D = 8;
const BHS = B | H | S;
const BHSD = BHS | D;

interface IntegerRow {
  readonly name: string;
  readonly operation: LaneOperationOf;
  readonly vector: number;
  readonly scalar: number;
  /** Signedness of the lanes where U does not give it. */
  readonly signed?: boolean;
  /** Operates on adjacent pairs of lanes, of Rn and then of Rm. */
  readonly pairwise?: true;
}

const row = (
  name: string,
  operation: LaneOperationOf,
  vector: number,
  scalar = 0,
  more: Pick<IntegerRow, 'signed' | 'pairwise'> = {},
): IntegerRow => ({ name, operation, vector, scalar, ...more });

const SIGNED = { signed: true } as const;

/** Integer rows by opcode; [U = 0, U = 1]. Logical operations (00011) are handled separately. */
const INTEGER: readonly (readonly [IntegerRow, IntegerRow] | null)[] = [
  [row('SHADD', halvingAdd, BHS), row('UHADD', halvingAdd, BHS)],
  [row('SQADD', saturatingAdd, BHSD, BHSD), row('UQADD', saturatingAdd, BHSD, BHSD)],
  [row('SRHADD', roundingHalvingAdd, BHS), row('URHADD', roundingHalvingAdd, BHS)],
  null,
  [row('SHSUB', halvingSubtract, BHS), row('UHSUB', halvingSubtract, BHS)],
  [row('SQSUB', saturatingSubtract, BHSD, BHSD), row('UQSUB', saturatingSubtract, BHSD, BHSD)],
  [row('CMGT', greater, BHSD, D), row('CMHI', greater, BHSD, D)],
  [row('CMGE', greaterOrEqual, BHSD, D), row('CMHS', greaterOrEqual, BHSD, D)],
  [row('SSHL', shift, BHSD, D), row('USHL', shift, BHSD, D)],
  [row('SQSHL', saturatingShift, BHSD, BHSD), row('UQSHL', saturatingShift, BHSD, BHSD)],
  [row('SRSHL', roundingShift, BHSD, D), row('URSHL', roundingShift, BHSD, D)],
  [row('SQRSHL', saturatingRoundingShift, BHSD, BHSD), row('UQRSHL', saturatingRoundingShift, BHSD, BHSD)],
  [row('SMAX', maximum, BHS), row('UMAX', maximum, BHS)],
  [row('SMIN', minimum, BHS), row('UMIN', minimum, BHS)],
  [row('SABD', absoluteDifference, BHS), row('UABD', absoluteDifference, BHS)],
  [row('SABA', absoluteDifferenceAccumulate, BHS), row('UABA', absoluteDifferenceAccumulate, BHS)],
  [row('ADD', add, BHSD, D), row('SUB', subtract, BHSD, D)],
  [row('CMTST', testBits, BHSD, D), row('CMEQ', equal, BHSD, D)],
  [row('MLA', integerMultiplyAdd, BHS), row('MLS', multiplySubtract, BHS)],
  [row('MUL', multiply, BHS), row('PMUL', polynomialMultiply, B)],
  [row('SMAXP', maximum, BHS, 0, { pairwise: true }), row('UMAXP', maximum, BHS, 0, { pairwise: true })],
  [row('SMINP', minimum, BHS, 0, { pairwise: true }), row('UMINP', minimum, BHS, 0, { pairwise: true })],
  [
    row('SQDMULH', doublingMultiplyHigh, H | S, H | S, SIGNED),
    row('SQRDMULH', roundingDoublingMultiplyHigh, H | S, H | S, SIGNED),
  ],
  [row('ADDP', add, BHSD, 0, { pairwise: true }), row('(unallocated)', add, 0)],
];

interface FpRow {
  readonly name: string;
  readonly operation: FpLaneOperationOf;
  readonly scalar?: true;
  readonly pairwise?: true;
}

const SCALAR = { scalar: true } as const;
const PAIRWISE = { pairwise: true } as const;

/** FP rows, indexed by five bits: U, size<1> (`a` in the FP16 class), opcode<2:0>. */
const FP: Readonly<Record<number, FpRow>> = {
  0b00_000: { name: 'FMAXNM', operation: binary(fpMaximumNumber) },
  0b00_001: { name: 'FMLA', operation: multiplyAdd(false) },
  0b00_010: { name: 'FADD', operation: binary(fpAdd) },
  0b00_011: { name: 'FMULX', operation: binary(fpMultiplyExtended), ...SCALAR },
  0b00_100: { name: 'FCMEQ', operation: comparison(['equal'], false), ...SCALAR },
  0b00_110: { name: 'FMAX', operation: binary(fpMaximum) },
  0b00_111: { name: 'FRECPS', operation: binary(fpReciprocalStep), ...SCALAR },
  0b01_000: { name: 'FMINNM', operation: binary(fpMinimumNumber) },
  0b01_001: { name: 'FMLS', operation: multiplyAdd(true) },
  0b01_010: { name: 'FSUB', operation: binary(fpSubtract) },
  0b01_110: { name: 'FMIN', operation: binary(fpMinimum) },
  0b01_111: { name: 'FRSQRTS', operation: binary(fpSquareRootStep), ...SCALAR },
  0b10_000: { name: 'FMAXNMP', operation: binary(fpMaximumNumber), ...PAIRWISE },
  0b10_010: { name: 'FADDP', operation: binary(fpAdd), ...PAIRWISE },
  0b10_011: { name: 'FMUL', operation: binary(fpMultiply) },
  0b10_100: { name: 'FCMGE', operation: comparison(['greater', 'equal'], true), ...SCALAR },
  0b10_101: { name: 'FACGE', operation: comparison(['greater', 'equal'], true, fpAbsolute), ...SCALAR },
  0b10_110: { name: 'FMAXP', operation: binary(fpMaximum), ...PAIRWISE },
  0b10_111: { name: 'FDIV', operation: binary(fpDivide) },
  0b11_000: { name: 'FMINNMP', operation: binary(fpMinimumNumber), ...PAIRWISE },
  0b11_010: { name: 'FABD', operation: binary(fpAbsoluteDifference), ...SCALAR },
  0b11_100: { name: 'FCMGT', operation: comparison(['greater'], true), ...SCALAR },
  0b11_101: { name: 'FACGT', operation: comparison(['greater'], true, fpAbsolute), ...SCALAR },
  0b11_110: { name: 'FMINP', operation: binary(fpMinimum), ...PAIRWISE },
};

/** Combines adjacent pairs of lanes of Rm:Rn. */
export function pairwise(
  type: LaneType,
  lanes: number,
  { Rd, Rn, Rm }: { Rd: number; Rn: number; Rm: number },
  operation: LaneOperation,
): Operation {
  const half = lanes / 2;
  const [n, m] = [Rn * type.perRegister, Rm * type.perRegister];
  return (state) => {
    const from = type.view(state.v);
    const to = type.view(result);
    for (let i = 0; i < lanes; i += 1) {
      const first = i < half ? n + 2 * i : m + 2 * (i - half);
      to[i] = operation(at(from, first), at(from, first + 1), state, type.zero);
    }
    commit(state.v, Rd, lanes * type.bytes);
  };
}

/** True for the arrangement 1D, which is reserved. */
const isOneDoubleword = (size: number, Q: number): boolean => size === 3 && Q === 0;

export function decodeThreeSame(fields: ThreeSame): Operation | null {
  const { scalar, Q, U, size, opcode } = fields;
  if (opcode >= 0b11000) {
    const fp = FP[(U << 4) | ((size >> 1) << 3) | (opcode & 7)];
    return fp === undefined ? null : decodeFp(fields, fp, 2 + (size & 1));
  }
  if (opcode === 0b00011) return scalar ? null : decodeLogical(fields);
  const found = INTEGER[opcode]?.[U === 0 ? 0 : 1];
  if (found === undefined) return null;
  if (((scalar ? found.scalar : found.vector) & (1 << size)) === 0) return null;
  if (!scalar && isOneDoubleword(size, Q)) return null;
  const type = laneTypeOf(size, found.signed ?? U === 0);
  const build = found.pairwise === true ? pairwise : lanewise;
  return build(type, lanesOf(type, scalar, Q), fields, found.operation(type));
}

/** Three same (FP16): `opcode` has three bits, `size` is that of the encoding (a:0). */
export function decodeThreeSameHalf(fields: ThreeSame): Operation | null {
  const fp = FP[(fields.U << 4) | ((fields.size >> 1) << 3) | fields.opcode];
  return fp === undefined ? null : decodeFp(fields, fp, 1);
}

function decodeFp(fields: ThreeSame, { operation, scalar, pairwise: pairs }: FpRow, size: number): Operation | null {
  if (fields.scalar ? scalar !== true : isOneDoubleword(size, fields.Q)) return null;
  const type = laneTypeOf(size, false);
  const build = pairs === true ? pairwise : lanewise;
  return build(type, lanesOf(type, fields.scalar, fields.Q), fields, operation(formatOfSize(size)));
}

function decodeLogical(fields: ThreeSame): Operation | null {
  const operation = LOGICAL[(fields.U << 2) | fields.size];
  const type = laneTypeOf(2, false);
  return operation === undefined ? null : lanewise(type, lanesOf(type, false, fields.Q), fields, operation);
}

/** Three same extra: SQRDMLAH, SQRDMLSH, SDOT, UDOT. Other encodings came after Armv8.2. */
export function decodeThreeSameExtra(fields: ThreeSame): Operation | null {
  const { scalar, Q, U, size, opcode } = fields;
  if (opcode === 0b0010) return scalar || size !== 2 ? null : dotProduct(U === 0, Q, fields, null);
  if (U === 0 || opcode > 0b0001 || size === 0 || size === 3) return null;
  const type = laneTypeOf(size, true);
  const operation = opcode === 0 ? roundingDoublingMultiplyAddHigh : roundingDoublingMultiplySubtractHigh;
  return lanewise(type, lanesOf(type, scalar, Q), fields, operation(type));
}

/** Adds four products of bytes to each word; `index` selects one word of Rm for all lanes. */
export function dotProduct(
  signed: boolean,
  Q: number,
  { Rd, Rn, Rm }: { Rd: number; Rn: number; Rm: number },
  index: number | null,
): Operation {
  const lanes = Q === 1 ? 4 : 2;
  return (state) => {
    const bytes = laneTypeOf(0, signed).view(state.v);
    for (let i = 0; i < lanes; i += 1) {
      let sum = state.v.u32[Rd * 4 + i] ?? 0;
      for (let j = 0; j < 4; j += 1) sum += at(bytes, Rn * 16 + i * 4 + j) * at(bytes, Rm * 16 + (index ?? i) * 4 + j);
      result.u32[i] = sum;
    }
    commit(state.v, Rd, lanes * 4);
  };
}
