// SPDX-License-Identifier: GPL-2.0-only
/** Floating-point operations as operations on lanes: the bits of a lane's format are its value. */

import { type FpBinary, fpNegate, fpMultiplyAdd, type FpUnary } from './arithmetic.ts';
import { fpCompare, type FpOrder } from './compare.ts';
import { DOUBLE, type FpFormat, HALF, SINGLE } from './environment.ts';
import { lane, type Lane, type LaneOperation, type SimdState, wide } from './vector-registers.ts';

/** log2 of the bytes of a format's lanes. */
export const sizeOf = (format: FpFormat): 1 | 2 | 3 => (format === HALF ? 1 : format === SINGLE ? 2 : 3);

export const formatOfSize = (size: number): FpFormat => (size === 1 ? HALF : size === 2 ? SINGLE : DOUBLE);

/** Converts a lane to its bits and back; a double's lane is a bigint already. */
export const bitsOf = (format: FpFormat, value: Lane): bigint => (format === DOUBLE ? wide(value) : BigInt(value));
export const laneOf = (format: FpFormat, bits: bigint): Lane => (format === DOUBLE ? lane(bits) : Number(bits));

/** Operation on lanes of a format. */
export type FpLaneOperationOf = (format: FpFormat) => LaneOperation;

export const binary =
  (operation: FpBinary): FpLaneOperationOf =>
  (format) =>
  (n, m, state) =>
    laneOf(format, operation(format, bitsOf(format, n), bitsOf(format, m), state));

export const unary =
  (operation: FpUnary): FpLaneOperationOf =>
  (format) =>
  (n, _m, state) =>
    laneOf(format, operation(format, bitsOf(format, n), state));

/** FMLA and FMLS: `n` is negated first, so a NaN is negated as well. */
export const multiplyAdd =
  (negated: boolean): FpLaneOperationOf =>
  (format) =>
  (n, m, state, d) => {
    const bits = bitsOf(format, n);
    const first = negated ? fpNegate(format, bits) : bits;
    return laneOf(format, fpMultiplyAdd(format, bitsOf(format, d), first, bitsOf(format, m), state));
  };

/** Gives a lane of ones where the comparison holds. */
export const comparison =
  (
    holds: readonly FpOrder[],
    signalsQuiet: boolean,
    prepare: (format: FpFormat, bits: bigint) => bigint = (_f, bits) => bits,
  ): FpLaneOperationOf =>
  (format) => {
    const ones = laneOf(format, (format.signBit << 1n) - 1n);
    const zeros = laneOf(format, 0n);
    return (n, m, state) => {
      const a = prepare(format, bitsOf(format, n));
      const b = prepare(format, bitsOf(format, m));
      return holds.includes(fpCompare(format, a, b, signalsQuiet, state)) ? ones : zeros;
    };
  };

/** Comparisons with zero, which use no second register. */
export const zeroComparison =
  (holds: readonly FpOrder[], signalsQuiet: boolean): FpLaneOperationOf =>
  (format) => {
    const compare = comparison(holds, signalsQuiet)(format);
    const zeros = laneOf(format, 0n);
    return (n: Lane, _m: Lane, state: SimdState, d: Lane) => compare(n, zeros, state, d);
  };
