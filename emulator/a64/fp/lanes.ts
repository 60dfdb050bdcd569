// SPDX-License-Identifier: GPL-2.0-only
/**
 * Integer operations on one lane, for lanes of every type (see `Lane`): saturating, halving,
 * rounding, shifting by a register, comparing, polynomial, counting. Results may exceed the lane:
 * storing truncates them to the lane's size.
 */

import { FPSR } from './environment.ts';
import type { Lane, LaneOperation, LaneType, SimdState } from './vector-registers.ts';

/** Operation on lanes of a type. */
export type LaneOperationOf = (type: LaneType) => LaneOperation;

/** SatQ: the nearest value of the type; sets QC when it differs. */
export function saturate(type: LaneType, value: Lane, state: SimdState): Lane {
  if (value > type.greatest) {
    state.fpsr |= FPSR.QC;
    return type.greatest;
  }
  if (value < type.least) {
    state.fpsr |= FPSR.QC;
    return type.least;
  }
  return value;
}

/** Lane of ones or of zeros. */
const truth = (type: LaneType, holds: boolean): Lane => (holds ? -type.one : type.zero);

export const add: LaneOperationOf = () => (n, m) => n + m;
export const subtract: LaneOperationOf = () => (n, m) => n - m;
export const saturatingAdd: LaneOperationOf = (type) => (n, m, state) => saturate(type, n + m, state);
export const saturatingSubtract: LaneOperationOf = (type) => (n, m, state) => saturate(type, n - m, state);
export const halvingAdd: LaneOperationOf = (type) => (n, m) => type.shiftRight(n + m, 1);
export const roundingHalvingAdd: LaneOperationOf = (type) => (n, m) => type.shiftRight(n + m + type.one, 1);
export const halvingSubtract: LaneOperationOf = (type) => (n, m) => type.shiftRight(n - m, 1);
export const maximum: LaneOperationOf = () => (n, m) => (n > m ? n : m);
export const minimum: LaneOperationOf = () => (n, m) => (n < m ? n : m);

export const absoluteDifference: LaneOperationOf = () => (n, m) => (n > m ? n - m : m - n);
export const absoluteDifferenceAccumulate: LaneOperationOf = () => (n, m, _state, d) => d + (n > m ? n - m : m - n);

/** Math.imul keeps the low 32 bits exact; there are no lanes of 64 bits. */
export const multiply: LaneOperationOf = () => (n, m) => Math.imul(n, m);
export const multiplyAdd: LaneOperationOf = () => (n, m, _state, d) => d + Math.imul(n, m);
export const multiplySubtract: LaneOperationOf = () => (n, m, _state, d) => d - Math.imul(n, m);

export const greater: LaneOperationOf = (type) => (n, m) => truth(type, n > m);
export const greaterOrEqual: LaneOperationOf = (type) => (n, m) => truth(type, n >= m);
export const equal: LaneOperationOf = (type) => (n, m) => truth(type, n === m);
export const testBits: LaneOperationOf = (type) => (n, m) => truth(type, (n & m) !== type.zero);

/** Comparisons of Rn with zero. */
export const greaterThanZero: LaneOperationOf = (type) => (n) => truth(type, n > type.zero);
export const greaterOrEqualZero: LaneOperationOf = (type) => (n) => truth(type, n >= type.zero);
export const equalZero: LaneOperationOf = (type) => (n) => truth(type, n === type.zero);
export const lessOrEqualZero: LaneOperationOf = (type) => (n) => truth(type, n <= type.zero);
export const lessThanZero: LaneOperationOf = (type) => (n) => truth(type, n < type.zero);

export const negate: LaneOperationOf = () => (n) => -n;
export const absolute: LaneOperationOf = (type) => (n) => (n < type.zero ? -n : n);
export const saturatingNegate: LaneOperationOf = (type) => (n, _m, state) => saturate(type, -n, state);
export const saturatingAbsolute: LaneOperationOf = (type) => (n, _m, state) =>
  saturate(type, n < type.zero ? -n : n, state);

/** Shifts right; with `rounding`, half of the last bit is added first. */
export function shiftedRight(type: LaneType, value: Lane, count: number, rounding: boolean): Lane {
  return type.shiftRight(rounding && count > 0 ? value + type.shiftLeft(type.one, count - 1) : value, count);
}

/** SSHL and its neighbours: shifts left by a positive low byte of Rm, right by a negative one. */
const shiftByRegister =
  (rounding: boolean, saturating: boolean): LaneOperationOf =>
  (type) =>
  (n, m, state) => {
    const count = type.lowByte(m);
    const value = count < 0 ? shiftedRight(type, n, -count, rounding) : type.shiftLeft(n, count);
    return saturating ? saturate(type, value, state) : value;
  };

export const shift: LaneOperationOf = shiftByRegister(false, false);
export const roundingShift: LaneOperationOf = shiftByRegister(true, false);
export const saturatingShift: LaneOperationOf = shiftByRegister(false, true);
export const saturatingRoundingShift: LaneOperationOf = shiftByRegister(true, true);

/** SQDMULH, SQRDMULH, SQRDMLAH, SQRDMLSH: high half of twice the product plus an addend. */
function doublingHighHalf(
  type: LaneType,
  n: Lane,
  m: Lane,
  addend: Lane,
  sign: 1n | -1n,
  rounding: boolean,
  state: SimdState,
): Lane {
  const bits = BigInt(type.bits);
  const sum = (BigInt(addend) << bits) + sign * 2n * BigInt(n) * BigInt(m) + (rounding ? 1n << (bits - 1n) : 0n);
  return saturate(type, Number(sum >> bits), state);
}

export const doublingMultiplyHigh: LaneOperationOf = (type) => (n, m, state) =>
  doublingHighHalf(type, n, m, 0, 1n, false, state);
export const roundingDoublingMultiplyHigh: LaneOperationOf = (type) => (n, m, state) =>
  doublingHighHalf(type, n, m, 0, 1n, true, state);
export const roundingDoublingMultiplyAddHigh: LaneOperationOf = (type) => (n, m, state, d) =>
  doublingHighHalf(type, n, m, d, 1n, true, state);
export const roundingDoublingMultiplySubtractHigh: LaneOperationOf = (type) => (n, m, state, d) =>
  doublingHighHalf(type, n, m, d, -1n, true, state);

/** Product of two polynomials over {0, 1} of 8 bits each. */
export function polynomialProduct(n: number, m: number): number {
  let product = 0;
  for (let i = 0; i < 8; i += 1) if (((m >>> i) & 1) === 1) product ^= n << i;
  return product;
}

/** Product of two polynomials of 64 bits each: 128 bits. */
export function widePolynomialProduct(n: bigint, m: bigint): bigint {
  let product = 0n;
  for (let i = 0n; i < 64n; i += 1n) if (((m >> i) & 1n) === 1n) product ^= n << i;
  return product;
}

export const polynomialMultiply: LaneOperationOf = () => polynomialProduct;

/** Leading zeros of a lane of at most 32 bits, read as unsigned. */
export const countLeadingZeros: LaneOperationOf = (type) => (n) => Math.clz32(n) - (32 - type.bits);

/** Number of bits after the top one that equal it. */
export const countLeadingSigns: LaneOperationOf = (type) => (n) => Math.clz32(n < 0 ? ~n : n) - (32 - type.bits) - 1;

/** Number of ones in a byte. */
export const countOnes: LaneOperationOf = () => (n) => {
  let count = 0;
  for (let rest = n; rest !== 0; rest &= rest - 1) count += 1;
  return count;
};

export const invert: LaneOperationOf = () => (n) => ~n;

/** Bits of a byte in reverse order. */
export const reverseBits: LaneOperationOf = () => (n) => {
  let reversed = 0;
  for (let i = 0; i < 8; i += 1) reversed |= ((n >>> i) & 1) << (7 - i);
  return reversed;
};

/** SUQADD and USQADD: `d` of this type plus `n` of the opposite signedness. */
export const accumulateOther =
  (other: LaneType): LaneOperationOf =>
  (type) =>
  (n, _m, state, d) => {
    // `n` was read with this type's signedness; as the other one, its value differs by 2^bits.
    const modulus = type.shiftLeft(type.one, type.bits);
    let value = n;
    if (value > other.greatest) value -= modulus;
    if (value < other.least) value += modulus;
    return saturate(type, d + value, state);
  };

/** AND, BIC, ORR, ORN, EOR, BSL, BIT, BIF; the lane size does not matter. */
export const LOGICAL: readonly LaneOperation[] = [
  (n, m) => n & m,
  (n, m) => n & ~m,
  (n, m) => n | m,
  (n, m) => n | ~m,
  (n, m) => n ^ m,
  (n, m, _state, d) => m ^ ((m ^ n) & d),
  (n, m, _state, d) => d ^ ((d ^ n) & m),
  (n, m, _state, d) => d ^ ((d ^ n) & ~m),
];
