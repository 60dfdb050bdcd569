// SPDX-License-Identifier: GPL-2.0-only
/**
 * Arithmetic of the Arm ARM's shared pseudocode (J1.3, "FPAdd" and its neighbours), exact, on bits.
 *
 * Each operation: special operands first, in the pseudocode's order; then the exact result, rounded
 * once. Every function takes and returns the bits of its format, and sets the cumulative flags in
 * `environment.fpsr`.
 */

import { type FpEnvironment, type FpFormat, fpcrRounding, FPSR, ROUNDING } from './environment.ts';
import {
  bitLength,
  type FpValue,
  infinity,
  invalid,
  isNaNValue,
  processNaN,
  raise,
  round,
  unpack,
  unpackOperands,
  zero,
} from './value.ts';

export type FpBinary = (format: FpFormat, a: bigint, b: bigint, environment: FpEnvironment) => bigint;
export type FpTernary = (format: FpFormat, addend: bigint, a: bigint, b: bigint, environment: FpEnvironment) => bigint;
export type FpUnary = (format: FpFormat, a: bigint, environment: FpEnvironment) => bigint;

export const fpNegate = (format: FpFormat, a: bigint): bigint => a ^ format.signBit;
export const fpAbsolute = (format: FpFormat, a: bigint): bigint => a & ~format.signBit;

/**
 * Sum of two exact numbers, rounded. A zero sum of numbers with different signs is -0 only in RM.
 */
function roundedSum(format: FpFormat, a: FpValue, b: FpValue, environment: FpEnvironment): bigint {
  const exponent = Math.min(a.exponent, b.exponent);
  const scaled = ({ significand, exponent: own, negative }: FpValue): bigint => {
    const magnitude = significand << BigInt(own - exponent);
    return negative ? -magnitude : magnitude;
  };
  const sum = scaled(a) + scaled(b);
  if (sum === 0n) return zero(format, fpcrRounding(environment.fpcr) === ROUNDING.towardMinusInfinity);
  return round(format, { negative: sum < 0n, significand: sum < 0n ? -sum : sum, exponent }, environment);
}

/** A zero gets the exponent of the other operand, so that no large shift results. */
function addValues(format: FpFormat, a: FpValue, b: FpValue, environment: FpEnvironment): bigint {
  if (a.type === 'infinity' || b.type === 'infinity') {
    if (a.type === b.type && a.negative !== b.negative) return invalid(format, environment);
    return infinity(format, a.type === 'infinity' ? a.negative : b.negative);
  }
  if (a.type === 'zero' && b.type === 'zero' && a.negative === b.negative) return zero(format, a.negative);
  if (a.type === 'zero') return roundedSum(format, { ...a, exponent: b.exponent }, b, environment);
  if (b.type === 'zero') return roundedSum(format, a, { ...b, exponent: a.exponent }, environment);
  return roundedSum(format, a, b, environment);
}

const negated = (value: FpValue): FpValue => ({ ...value, negative: !value.negative });

export const fpAdd: FpBinary = (format, a, b, environment) => {
  const { values, nan } = unpackOperands(format, [a, b], environment);
  const [valueA, valueB] = values;
  return nan ?? addValues(format, valueA, valueB, environment);
};

export const fpSubtract: FpBinary = (format, a, b, environment) => {
  const { values, nan } = unpackOperands(format, [a, b], environment);
  const [valueA, valueB] = values;
  return nan ?? addValues(format, valueA, negated(valueB), environment);
};

/** True for infinity times zero. */
const isInvalidProduct = (a: FpValue, b: FpValue): boolean =>
  (a.type === 'infinity' && b.type === 'zero') || (a.type === 'zero' && b.type === 'infinity');

/** Exact product of two operands; neither is a NaN, and they are not infinity times zero. */
function product(a: FpValue, b: FpValue): FpValue {
  const negative = a.negative !== b.negative;
  const type = a.type === 'nonzero' ? b.type : a.type;
  return { type, negative, significand: a.significand * b.significand, exponent: a.exponent + b.exponent };
}

/** Rounds and encodes the exact result. */
function finish(format: FpFormat, value: FpValue, environment: FpEnvironment): bigint {
  if (value.type === 'infinity') return infinity(format, value.negative);
  if (value.type === 'zero') return zero(format, value.negative);
  return round(format, value, environment);
}

/** FPMul and FPMulX: `ofInvalid` is the result of infinity times zero. */
const multiplication =
  (ofInvalid: (format: FpFormat, negative: boolean, environment: FpEnvironment) => bigint): FpBinary =>
  (format, a, b, environment) => {
    const { values, nan } = unpackOperands(format, [a, b], environment);
    const [valueA, valueB] = values;
    if (nan !== null) return nan;
    if (isInvalidProduct(valueA, valueB)) return ofInvalid(format, valueA.negative !== valueB.negative, environment);
    return finish(format, product(valueA, valueB), environment);
  };

export const fpMultiply: FpBinary = multiplication((format, _negative, environment) => invalid(format, environment));

/** FPMulX: infinity times zero gives 2. */
export const fpMultiplyExtended: FpBinary = multiplication((format, negative) => constant(format, negative, 1, 0n));

/** Constant (1 + `quarters` / 4) * 2^`exponent`, with a sign. */
function constant(format: FpFormat, negative: boolean, exponent: number, quarters: bigint): bigint {
  const field = BigInt(exponent + 1 - format.minimumExponent);
  return (
    zero(format, negative) | (field << BigInt(format.fractionBits)) | (quarters << BigInt(format.fractionBits - 2))
  );
}

export const fpDivide: FpBinary = (format, a, b, environment) => {
  const { values, nan } = unpackOperands(format, [a, b], environment);
  const [valueA, valueB] = values;
  if (nan !== null) return nan;
  const negative = valueA.negative !== valueB.negative;
  if (valueA.type === valueB.type && valueA.type !== 'nonzero') return invalid(format, environment);
  if (valueA.type === 'infinity') return infinity(format, negative);
  if (valueB.type === 'zero') {
    raise(environment, FPSR.DZC);
    return infinity(format, negative);
  }
  if (valueA.type === 'zero' || valueB.type === 'infinity') return zero(format, negative);
  // The quotient has two bits more than the fraction; a third is sticky for the remainder.
  const shift = Math.max(0, format.fractionBits + 3 + bitLength(valueB.significand) - bitLength(valueA.significand));
  const dividend = valueA.significand << BigInt(shift);
  const quotient = dividend / valueB.significand;
  const sticky = quotient * valueB.significand === dividend ? 0n : 1n;
  return round(
    format,
    {
      negative,
      significand: (quotient << 1n) | sticky,
      exponent: valueA.exponent - valueB.exponent - shift - 1,
    },
    environment,
  );
};

export const fpSquareRoot: FpUnary = (format, a, environment) => {
  const value = unpack(format, a, environment);
  if (isNaNValue(value)) return processNaN(format, value, a, environment);
  if (value.type === 'zero') return zero(format, value.negative);
  if (value.negative) return invalid(format, environment);
  if (value.type === 'infinity') return infinity(format, false);
  let shift = Math.max(0, 2 * format.fractionBits + 6 - bitLength(value.significand));
  if ((value.exponent - shift) % 2 !== 0) shift += 1;
  const radicand = value.significand << BigInt(shift);
  const root = integerSquareRoot(radicand);
  const sticky = root * root === radicand ? 0n : 1n;
  return round(
    format,
    { negative: false, significand: (root << 1n) | sticky, exponent: (value.exponent - shift) / 2 - 1 },
    environment,
  );
};

/** Largest integer whose square is at most `value`, by Newton's method from above. */
function integerSquareRoot(value: bigint): bigint {
  let root = 1n << BigInt((bitLength(value) + 1) >> 1);
  for (;;) {
    const next = (root + value / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** FPMulAdd: `addend` + `a` * `b`, rounded once. */
export const fpMultiplyAdd: FpTernary = (format, addend, a, b, environment) => {
  const { values, nan } = unpackOperands(format, [addend, a, b], environment);
  const [valueC, valueA, valueB] = values;
  // A quiet NaN as addend does not hide an invalid product: the result is then the default NaN.
  if (valueC.type === 'quiet NaN' && isInvalidProduct(valueA, valueB)) return invalid(format, environment);
  if (nan !== null) return nan;
  if (isInvalidProduct(valueA, valueB)) return invalid(format, environment);
  return addValues(format, valueC, product(valueA, valueB), environment);
};

/** FPRecipStepFused and FPRSqrtStepFused: (`base` - a * b) / 2^`halvings`, rounded once. */
const step =
  (base: FpValue, halvings: number, ofInvalid: (format: FpFormat) => bigint): FpBinary =>
  (format, a, b, environment) => {
    const negatedA = fpNegate(format, a);
    const { values, nan } = unpackOperands(format, [negatedA, b], environment);
    const [valueA, valueB] = values;
    if (nan !== null) return nan;
    if (isInvalidProduct(valueA, valueB)) return ofInvalid(format);
    const { type, negative, significand, exponent } = product(valueA, valueB);
    return addValues(
      format,
      { ...base, exponent: base.exponent - halvings },
      { type, negative, significand, exponent: exponent - halvings },
      environment,
    );
  };

const whole = (significand: bigint): FpValue => ({ type: 'nonzero', negative: false, significand, exponent: 0 });

/** FRECPS: 2 - a * b; infinity times zero gives 2. */
export const fpReciprocalStep: FpBinary = step(whole(2n), 0, (format) => constant(format, false, 1, 0n));

/** FRSQRTS: (3 - a * b) / 2; infinity times zero gives 1.5. */
export const fpSquareRootStep: FpBinary = step(whole(3n), 1, (format) => constant(format, false, 0, 2n));

/** FPAbs(FPSub(a, b)): the sign of a NaN is cleared as well. */
export const fpAbsoluteDifference: FpBinary = (format, a, b, environment) =>
  fpAbsolute(format, fpSubtract(format, a, b, environment));
