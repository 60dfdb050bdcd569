// SPDX-License-Identifier: GPL-2.0-only
/**
 * Comparisons, minima and maxima of the Arm ARM's shared pseudocode (J1.3, "FPCompare", "FPMax" and
 * their neighbours), on bits.
 */

import type { FpBinary } from './arithmetic.ts';
import { type FpEnvironment, type FpFormat, FPSR } from './environment.ts';
import { type FpValue, infinity, isNaNValue, raise, round, unpack, unpackOperands, zero } from './value.ts';

/** Order of two operands. */
export type FpOrder = 'less' | 'equal' | 'greater' | 'unordered';

/** NZCV of FPCompare, as four bits. */
export const FLAGS_OF_ORDER: Readonly<Record<FpOrder, number>> = {
  equal: 0b0110,
  less: 0b1000,
  greater: 0b0010,
  unordered: 0b0011,
};

/**
 * FPCompare, FPCompareEQ, FPCompareGE and FPCompareGT.
 * @param signalsQuiet whether a quiet NaN, too, sets IOC
 */
export function fpCompare(
  format: FpFormat,
  a: bigint,
  b: bigint,
  signalsQuiet: boolean,
  environment: FpEnvironment,
): FpOrder {
  const valueA = unpack(format, a, environment);
  const valueB = unpack(format, b, environment);
  if (isNaNValue(valueA) || isNaNValue(valueB)) {
    if (signalsQuiet || valueA.type === 'signalling NaN' || valueB.type === 'signalling NaN') {
      raise(environment, FPSR.IOC);
    }
    return 'unordered';
  }
  return orderOf(valueA, valueB);
}

/** Order of two values that are not NaNs. */
function orderOf(a: FpValue, b: FpValue): FpOrder {
  const rank = ({ type, negative }: FpValue): number => {
    const magnitude = type === 'infinity' ? 2 : type === 'nonzero' ? 1 : 0;
    return negative ? -magnitude : magnitude;
  };
  const difference = rank(a) - rank(b);
  if (difference !== 0) return difference < 0 ? 'less' : 'greater';
  if (a.type !== 'nonzero') return 'equal';
  const exponent = Math.min(a.exponent, b.exponent);
  const magnitudeA = a.significand << BigInt(a.exponent - exponent);
  const magnitudeB = b.significand << BigInt(b.exponent - exponent);
  if (magnitudeA === magnitudeB) return 'equal';
  return magnitudeA < magnitudeB === a.negative ? 'greater' : 'less';
}

const extreme =
  (wanted: 'greater' | 'less'): FpBinary =>
  (format, a, b, environment) => {
    const { values, nan } = unpackOperands(format, [a, b], environment);
    if (nan !== null) return nan;
    const [valueA, valueB] = values;
    const value = orderOf(valueA, valueB) === wanted ? valueA : valueB;
    if (value.type === 'infinity') return infinity(format, value.negative);
    if (value.type === 'nonzero') return round(format, value, environment);
    // -0 is less than +0.
    return zero(format, wanted === 'greater' ? valueA.negative && valueB.negative : valueA.negative || valueB.negative);
  };

/** FPMax and FPMin. */
export const fpMaximum: FpBinary = extreme('greater');
export const fpMinimum: FpBinary = extreme('less');

/**
 * FPMaxNum and FPMinNum: a quiet NaN counts as the infinity that never wins, unless both are quiet.
 */
const numberExtreme =
  (of: FpBinary, losingIsNegative: boolean): FpBinary =>
  (format, a, b, environment) => {
    const quietA = isQuietNaN(format, a);
    const quietB = isQuietNaN(format, b);
    const losing = infinity(format, losingIsNegative);
    if (quietA === quietB) return of(format, a, b, environment);
    return of(format, quietA ? losing : a, quietB ? losing : b, environment);
  };

const isQuietNaN = (format: FpFormat, bits: bigint): boolean =>
  (bits & (format.infinity | format.quietBit)) === (format.infinity | format.quietBit);

export const fpMaximumNumber: FpBinary = numberExtreme(fpMaximum, true);
export const fpMinimumNumber: FpBinary = numberExtreme(fpMinimum, false);
