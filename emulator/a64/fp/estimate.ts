// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reciprocal estimates of the Arm ARM's shared pseudocode (J1.3, "FPRecipEstimate",
 * "FPRSqrtEstimate", "FPRecpX"), on bits.
 */

import type { FpUnary } from './arithmetic.ts';
import { fpcrRounding, FPSR } from './environment.ts';
import { infinity, invalid, isNaNValue, overflowsToInfinity, processNaN, raise, unpack, zero } from './value.ts';

/** RecipEstimate: 256 / `scaled` * 2^9, in 9 bits, for 256 <= `scaled` < 512. */
export function reciprocalEstimate(scaled: number): number {
  const middle = scaled * 2 + 1;
  return (Math.floor(2 ** 19 / middle) + 1) >> 1;
}

/** RecipSqrtEstimate: 9 bits of the reciprocal square root, for 128 <= `scaled` < 512. */
export function squareRootEstimate(scaled: number): number {
  const middle = scaled < 256 ? scaled * 2 + 1 : (((scaled >> 1) << 1) + 1) * 2;
  let root = 512;
  while (middle * (root + 1) * (root + 1) < 2 ** 28) root += 1;
  return (root + 1) >> 1;
}

/** FRECPE. */
export const fpReciprocalEstimate: FpUnary = (format, a, environment) => {
  const value = unpack(format, a, environment);
  const { type, negative } = value;
  if (isNaNValue(value)) return processNaN(format, value, a, environment);
  if (type === 'infinity') return zero(format, negative);
  if (type === 'zero') {
    raise(environment, FPSR.DZC);
    return infinity(format, negative);
  }
  const fractionBits = BigInt(format.fractionBits);
  let fraction = a & format.fractionMask;
  let field = Number((a & format.infinity) >> fractionBits);
  // The reciprocal of a value this small overflows.
  if (field === 0 && fraction >> (fractionBits - 2n) === 0n) {
    raise(environment, FPSR.OFC | FPSR.IXC);
    return overflowsToInfinity(fpcrRounding(environment.fpcr), negative)
      ? infinity(format, negative)
      : zero(format, negative) | format.largestNormal;
  }
  // The reciprocal is subnormal and is flushed.
  if ((environment.fpcr & format.flushBit) !== 0 && field >= format.maximumField - 2) {
    raise(environment, FPSR.UFC);
    return zero(format, negative);
  }
  if (field === 0) {
    const shift = (fraction & format.quietBit) === 0n ? 2n : 1n;
    field = shift === 2n ? -1 : 0;
    fraction = (fraction << shift) & format.fractionMask;
  }
  const scaled = 256 + Number(fraction >> (fractionBits - 8n));
  const estimate = BigInt(reciprocalEstimate(scaled) & 0xff) << (fractionBits - 8n);
  const resultField = format.maximumField - 2 - field;
  if (resultField > 0) return zero(format, negative) | (BigInt(resultField) << fractionBits) | estimate;
  const subnormal = (estimate | (format.quietBit << 1n)) >> BigInt(1 - resultField);
  return zero(format, negative) | subnormal;
};

/** FRSQRTE. */
export const fpSquareRootEstimate: FpUnary = (format, a, environment) => {
  const value = unpack(format, a, environment);
  const { type, negative } = value;
  if (isNaNValue(value)) return processNaN(format, value, a, environment);
  if (type === 'zero') {
    raise(environment, FPSR.DZC);
    return infinity(format, negative);
  }
  if (negative) return invalid(format, environment);
  if (type === 'infinity') return 0n;
  const fractionBits = BigInt(format.fractionBits);
  let fraction = a & format.fractionMask;
  let field = Number((a & format.infinity) >> fractionBits);
  if (field === 0) {
    while ((fraction & format.quietBit) === 0n) {
      fraction = (fraction << 1n) & format.fractionMask;
      field -= 1;
    }
    fraction = (fraction << 1n) & format.fractionMask;
  }
  const odd = (field & 1) !== 0;
  const scaled = odd ? 128 + Number(fraction >> (fractionBits - 7n)) : 256 + Number(fraction >> (fractionBits - 8n));
  const resultField = (((format.maximumField - 1) * 3) / 2 - 1 - field) >> 1;
  const estimate = BigInt(squareRootEstimate(scaled) & 0xff) << (fractionBits - 8n);
  return (BigInt(resultField) << fractionBits) | estimate;
};

/** FRECPX: inverts the exponent. */
export const fpReciprocalExponent: FpUnary = (format, a, environment) => {
  const value = unpack(format, a, environment);
  if (isNaNValue(value)) return processNaN(format, value, a, environment);
  const exponent = a & format.infinity;
  const turned = exponent === 0n ? format.infinity - (format.quietBit << 1n) : format.infinity ^ exponent;
  return (a & format.signBit) | turned;
};

/** UnsignedRecipEstimate: URECPE, on 32 bits. */
export const unsignedReciprocalEstimate = (a: number): number =>
  a >>> 31 === 0 ? 0xffff_ffff : (reciprocalEstimate(a >>> 23) << 23) >>> 0;

/** UnsignedRSqrtEstimate: URSQRTE, on 32 bits. */
export const unsignedSquareRootEstimate = (a: number): number =>
  a >>> 30 === 0 ? 0xffff_ffff : (squareRootEstimate(a >>> 23) << 23) >>> 0;
