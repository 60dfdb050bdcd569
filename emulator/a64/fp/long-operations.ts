// SPDX-License-Identifier: GPL-2.0-only
/**
 * Widening operations, whose result lanes are twice as wide as those of an operand, and narrowing
 * ones. One definition serves vector and by-element forms.
 */

import { saturate, shiftedRight, widePolynomialProduct, polynomialProduct } from './lanes.ts';
import {
  at,
  commit,
  type Lane,
  type LaneOperation,
  type LaneType,
  laneTypeOf,
  type Operation,
  result,
  type SimdState,
  type VectorRegisters,
} from './vector-registers.ts';

/** Operation on two lanes that were widened to `type`. */
export type LongOperationOf = (type: LaneType) => LaneOperation;

export const addLong: LongOperationOf = () => (n, m) => n + m;
export const subtractLong: LongOperationOf = () => (n, m) => n - m;
export const absoluteDifferenceLong: LongOperationOf = () => (n, m) => (n > m ? n - m : m - n);
export const absoluteDifferenceAddLong: LongOperationOf = () => (n, m, _state, d) => d + (n > m ? n - m : m - n);
export const multiplyLong: LongOperationOf = () => (n, m) => n * m;
export const multiplyAddLong: LongOperationOf = () => (n, m, _state, d) => d + n * m;
export const multiplySubtractLong: LongOperationOf = () => (n, m, _state, d) => d - n * m;

const doubled = (type: LaneType, n: Lane, m: Lane, state: SimdState): Lane => {
  const product = n * m;
  return saturate(type, product + product, state);
};
export const doublingMultiplyLong: LongOperationOf = (type) => (n, m, state) => doubled(type, n, m, state);
export const doublingMultiplyAddLong: LongOperationOf = (type) => (n, m, state, d) =>
  saturate(type, d + doubled(type, n, m, state), state);
export const doublingMultiplySubtractLong: LongOperationOf = (type) => (n, m, state, d) =>
  saturate(type, d - doubled(type, n, m, state), state);

export const polynomialMultiplyLong: LongOperationOf = () => polynomialProduct;

/** Positions of an operand's lanes. */
export interface LongFields {
  readonly Rd: number;
  readonly Rn: number;
  readonly Rm: number;
  /** 1: the narrow operands are the upper halves. */
  readonly Q: number;
  /** True for one lane, in the lower half. */
  readonly scalar: boolean;
}

/**
 * Computes Rd, with lanes of 2 * 2^`size` bytes, from narrow lanes of Rm and from narrow lanes (or
 * with `wideFirst` wide ones) of Rn.
 * @param element lane of Rm that all lanes use; null: lane by lane
 */
export function long(
  size: number,
  signed: boolean,
  { Rd, Rn, Rm, Q, scalar }: LongFields,
  operationOf: LongOperationOf,
  wideFirst = false,
  element: number | null = null,
): Operation {
  const narrow = laneTypeOf(size, signed);
  const wide = laneTypeOf(size + 1, signed);
  const operation = operationOf(wide);
  const lanes = scalar ? 1 : wide.perRegister;
  const part = scalar || Q === 0 ? 0 : lanes;
  const n = wideFirst ? Rn * wide.perRegister : Rn * narrow.perRegister + part;
  const m = Rm * narrow.perRegister + (element ?? part);
  const d = Rd * wide.perRegister;
  const stride = element === null ? 1 : 0;
  const bytes = lanes * wide.bytes;
  return (state) => {
    const from = narrow.view(state.v);
    const first = wideFirst ? wide.view(state.v) : from;
    const old = wide.view(state.v);
    const to = wide.view(result);
    for (let i = 0; i < lanes; i += 1) {
      const a = wide.from(at(first, n + i));
      to[i] = operation(a, wide.from(at(from, m + i * stride)), state, at(old, d + i));
    }
    commit(state.v, Rd, bytes);
  };
}

/** PMULL of doublewords: one 128-bit product. */
export const polynomialMultiplyDoubleword =
  ({ Rd, Rn, Rm, Q }: LongFields): Operation =>
  ({ v }) => {
    const product = widePolynomialProduct(v.u64[Rn * 2 + Q] ?? 0n, v.u64[Rm * 2 + Q] ?? 0n);
    v.u64[Rd * 2] = product;
    v.u64[Rd * 2 + 1] = product >> 64n;
  };

/**
 * Writes `bytes` of the result to the lower half of Rd and zeroes the upper half, or (`part` 1)
 * writes only the upper half.
 */
export function commitPart(registers: VectorRegisters, d: number, bytes: number, part: number): void {
  if (part === 0) commit(registers, d, bytes);
  else registers.u64[d * 2 + 1] = result.u64[0] ?? 0n;
}

/** Computes a narrow lane from two wide ones. */
export type NarrowOperation = (n: Lane, m: Lane, state: SimdState) => Lane;

/** Computes narrow lanes of 2^`size` bytes, in one half of Rd, from wide lanes of Rn and Rm. */
export function narrow(
  size: number,
  signed: boolean,
  { Rd, Rn, Rm, Q, scalar }: LongFields,
  operation: NarrowOperation,
): Operation {
  const wide = laneTypeOf(size + 1, signed);
  const to = laneTypeOf(size, false);
  const lanes = scalar ? 1 : wide.perRegister;
  const [n, m] = [Rn * wide.perRegister, Rm * wide.perRegister];
  const part = scalar ? 0 : Q;
  return (state) => {
    const from = wide.view(state.v);
    const written = to.view(result);
    for (let i = 0; i < lanes; i += 1) written[i] = to.from(operation(at(from, n + i), at(from, m + i), state));
    commitPart(state.v, Rd, lanes * to.bytes, part);
  };
}

/** High half of a sum or difference of wide lanes: ADDHN, RADDHN, SUBHN, RSUBHN. */
export function highHalf(size: number, subtracts: boolean, rounding: boolean): NarrowOperation {
  const wide = laneTypeOf(size + 1, false);
  const bits = 8 << size;
  const modulus = wide.shiftLeft(wide.one, wide.bits);
  return (n, m) => {
    const exact = subtracts ? n - m + modulus : n + m;
    return lowBits(shiftedRight(wide, exact, bits, rounding), bits);
  };
}

/** Low `bits` bits of a number or bigint, as a number for a narrow lane. */
const lowBits = (value: Lane, bits: number): Lane => Number(BigInt.asUintN(bits, BigInt(value)));

/** Right shift by `count`; truncates, or saturates when `to` is given. */
export function narrowingShift(
  size: number,
  signed: boolean,
  count: number,
  rounding: boolean,
  to: LaneType | null,
): NarrowOperation {
  const wide = laneTypeOf(size + 1, signed);
  return (n, _m, state) => {
    const shifted = shiftedRight(wide, n, count, rounding);
    if (to === null) return lowBits(shifted, 8 << size);
    // Converted to the kind of the narrow type; values outside its limits stay outside.
    return saturate(to, to.from(shifted), state);
  };
}
