// SPDX-License-Identifier: GPL-2.0-only
/**
 * Conversions of the Arm ARM's shared pseudocode (J1.3, "FPConvert", "FPToFixed", "FixedToFP",
 * "FPRoundInt"), on bits.
 */

import { DOUBLE, type FpEnvironment, type FpFormat, FPCR, FPSR, HALF, type Rounding } from './environment.ts';
import {
  bitLength,
  infinity,
  isNaNValue,
  processNaN,
  raise,
  round,
  roundForConversion,
  roundsUp,
  shiftRightLosing,
  unpack,
  unpackForConversion,
  zero,
} from './value.ts';

/** FPConvert: converts from the format `from` to the format `to`. */
export function fpConvert(
  from: FpFormat,
  to: FpFormat,
  bits: bigint,
  rounding: Rounding,
  environment: FpEnvironment,
): bigint {
  // The alternative format has neither infinities nor NaNs.
  const alternative = to === HALF && (environment.fpcr & FPCR.AHP) !== 0;
  const value = unpackForConversion(from, bits, environment);
  if (isNaNValue(value)) {
    if (value.type === 'signalling NaN' || alternative) raise(environment, FPSR.IOC);
    if (alternative) return zero(to, value.negative);
    return (environment.fpcr & FPCR.DN) === 0 ? convertNaN(from, to, bits) : to.defaultNaN;
  }
  if (value.type === 'infinity') {
    if (!alternative) return infinity(to, value.negative);
    raise(environment, FPSR.IOC);
    return zero(to, value.negative) | (to.signBit - 1n);
  }
  if (value.type === 'zero') return zero(to, value.negative);
  return roundForConversion(to, value, environment, rounding);
}

/** FPConvertNaN: the top of the payload stays at the top. */
function convertNaN(from: FpFormat, to: FpFormat, bits: bigint): bigint {
  const payload = ((bits & from.fractionMask) << BigInt(DOUBLE.fractionBits)) >> BigInt(from.fractionBits);
  const fraction = payload >> BigInt(DOUBLE.fractionBits - to.fractionBits);
  return zero(to, (bits & from.signBit) !== 0n) | to.infinity | to.quietBit | fraction;
}

/**
 * FPToFixed: the number times 2^`fractionBits` as an integer of `width` bits, returned as an
 * unsigned pattern. Values out of range saturate with IOC; a NaN gives 0 with IOC.
 */
export function fpToFixed(
  format: FpFormat,
  bits: bigint,
  fractionBits: number,
  unsigned: boolean,
  width: number,
  rounding: Rounding,
  environment: FpEnvironment,
): bigint {
  const value = unpack(format, bits, environment);
  if (value.type === 'zero') return 0n;
  if (isNaNValue(value)) {
    raise(environment, FPSR.IOC);
    return 0n;
  }
  const least = unsigned ? 0n : -(1n << BigInt(width - 1));
  const greatest = (1n << BigInt(unsigned ? width : width - 1)) - 1n;
  const exponent = value.exponent + fractionBits;
  if (value.type === 'infinity' || exponent + bitLength(value.significand) > width + 1) {
    raise(environment, FPSR.IOC);
    return BigInt.asUintN(width, value.negative ? least : greatest);
  }
  const shifted = shiftRightLosing(value.significand, -exponent);
  const magnitude = roundsUp(rounding, value.negative, shifted) ? shifted.whole + 1n : shifted.whole;
  const result = value.negative ? -magnitude : magnitude;
  if (result < least || result > greatest) {
    raise(environment, FPSR.IOC);
    return BigInt.asUintN(width, result < least ? least : greatest);
  }
  if (shifted.lost !== 0) raise(environment, FPSR.IXC);
  return BigInt.asUintN(width, result);
}

/** FixedToFP: `integer` (already signed or unsigned) / 2^`fractionBits`. */
export function fixedToFp(
  format: FpFormat,
  integer: bigint,
  fractionBits: number,
  rounding: Rounding,
  environment: FpEnvironment,
): bigint {
  if (integer === 0n) return 0n;
  const negative = integer < 0n;
  return round(
    format,
    { negative, significand: negative ? -integer : integer, exponent: -fractionBits },
    environment,
    rounding,
  );
}

/** FPRoundInt: rounds to an integer in the same format; `exact` sets IXC when the value changes. */
export function fpRoundInt(
  format: FpFormat,
  bits: bigint,
  rounding: Rounding,
  exact: boolean,
  environment: FpEnvironment,
): bigint {
  const value = unpack(format, bits, environment);
  if (isNaNValue(value)) return processNaN(format, value, bits, environment);
  if (value.type === 'infinity') return infinity(format, value.negative);
  if (value.type === 'zero') return zero(format, value.negative);
  if (value.exponent >= 0) return bits;
  const shifted = shiftRightLosing(value.significand, -value.exponent);
  const whole = roundsUp(rounding, value.negative, shifted) ? shifted.whole + 1n : shifted.whole;
  if (exact && shifted.lost !== 0) raise(environment, FPSR.IXC);
  if (whole === 0n) return zero(format, value.negative);
  // An integer below 2^(fractionBits + 1) is exact in the format.
  return round(format, { negative: value.negative, significand: whole, exponent: 0 }, { fpcr: 0, fpsr: 0 });
}

/** VFPExpandImm: value of the 8-bit immediate of an FMOV. */
export function fpImmediate(format: FpFormat, imm8: number): bigint {
  const exponent = ((imm8 >>> 4) & 3) - ((imm8 & 0x40) === 0 ? -1 : 3);
  const field = BigInt(exponent + 1 - format.minimumExponent);
  const fraction = BigInt(imm8 & 0xf) << BigInt(format.fractionBits - 4);
  return zero(format, (imm8 & 0x80) !== 0) | (field << BigInt(format.fractionBits)) | fraction;
}
