// SPDX-License-Identifier: GPL-2.0-only
/**
 * Unpacking and rounding of floating-point numbers: FPUnpack, FPRound, FPProcessNaNs of the Arm ARM
 * (J1.3).
 *
 * In between, a number is exact: a sign, an integer of any size, and a power of two. So every
 * operation is computed exactly and rounded once.
 */

import {
  type FpEnvironment,
  type FpFormat,
  FPCR,
  fpcrRounding,
  FPSR,
  HALF,
  type Rounding,
  ROUNDING,
} from './environment.ts';

export type FpType = 'zero' | 'nonzero' | 'infinity' | 'quiet NaN' | 'signalling NaN';

/**
 * Value (-1)^negative * significand * 2^exponent. Significand and exponent are valid when `type` is
 * `nonzero`, and 0 otherwise.
 */
export interface FpValue {
  readonly type: FpType;
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

const special = (type: FpType, negative: boolean): FpValue => ({ type, negative, significand: 0n, exponent: 0 });

export const isNaNValue = ({ type }: FpValue): boolean => type === 'quiet NaN' || type === 'signalling NaN';

export const zero = (format: FpFormat, negative: boolean): bigint => (negative ? format.signBit : 0n);
export const infinity = (format: FpFormat, negative: boolean): bigint =>
  negative ? format.infinity | format.signBit : format.infinity;

export const raise = (environment: FpEnvironment, flags: number): void => {
  environment.fpsr |= flags;
};

/** Result of an invalid operation: the default NaN, with IOC. */
export function invalid(format: FpFormat, environment: FpEnvironment): bigint {
  raise(environment, FPSR.IOC);
  return format.defaultNaN;
}

/** FPUnpack: flushes subnormals as FPCR says; sets IDC except in half precision. */
export function unpack(format: FpFormat, bits: bigint, environment: FpEnvironment): FpValue {
  if ((environment.fpcr & format.flushBit) !== 0 && isSubnormal(format, bits)) {
    if (format !== HALF) raise(environment, FPSR.IDC);
    return special('zero', (bits & format.signBit) !== 0n);
  }
  return unpackUnflushed(format, bits);
}

/** FPUnpackCV: for conversions between formats, where FZ16 is ignored and AHP applies. */
export function unpackForConversion(format: FpFormat, bits: bigint, environment: FpEnvironment): FpValue {
  if (format !== HALF) return unpack(format, bits, environment);
  if ((environment.fpcr & FPCR.AHP) === 0 || (bits & HALF.infinity) !== HALF.infinity) {
    return unpackUnflushed(format, bits);
  }
  return {
    type: 'nonzero',
    negative: (bits & HALF.signBit) !== 0n,
    significand: (bits & HALF.fractionMask) | (HALF.quietBit << 1n),
    exponent: 16 - HALF.fractionBits,
  };
}

const isSubnormal = (format: FpFormat, bits: bigint): boolean =>
  (bits & format.infinity) === 0n && (bits & format.fractionMask) !== 0n;

function unpackUnflushed(format: FpFormat, bits: bigint): FpValue {
  const negative = (bits & format.signBit) !== 0n;
  const field = Number((bits & format.infinity) >> BigInt(format.fractionBits));
  const fraction = bits & format.fractionMask;
  if (field === format.maximumField) {
    if (fraction === 0n) return special('infinity', negative);
    return special((fraction & format.quietBit) === 0n ? 'signalling NaN' : 'quiet NaN', negative);
  }
  if (field === 0) {
    if (fraction === 0n) return special('zero', negative);
    return {
      type: 'nonzero',
      negative,
      significand: fraction,
      exponent: format.minimumExponent - format.fractionBits,
    };
  }
  return {
    type: 'nonzero',
    negative,
    significand: fraction | (format.quietBit << 1n),
    exponent: field - 1 + format.minimumExponent - format.fractionBits,
  };
}

/** FPProcessNaN: the NaN made quiet, or the default NaN; a signalling NaN sets IOC. */
export function processNaN(format: FpFormat, value: FpValue, bits: bigint, environment: FpEnvironment): bigint {
  if (value.type === 'signalling NaN') raise(environment, FPSR.IOC);
  return (environment.fpcr & FPCR.DN) === 0 ? bits | format.quietBit : format.defaultNaN;
}

/**
 * Unpacks operands in order. `nan` is the result of FPProcessNaNs and FPProcessNaNs3: of the first
 * signalling NaN, else of the first quiet one, else null.
 */
export function unpackOperands<T extends readonly bigint[]>(
  format: FpFormat,
  operands: readonly [...T],
  environment: FpEnvironment,
): { readonly values: { readonly [K in keyof T]: FpValue }; readonly nan: bigint | null } {
  const values = operands.map((bits) => unpack(format, bits, environment));
  const find = (type: FpValue['type']): number => values.findIndex((value) => value.type === type);
  const signalling = find('signalling NaN');
  const at = signalling >= 0 ? signalling : find('quiet NaN');
  const nan = at < 0 ? null : processNaN(format, values[at] as FpValue, operands[at] ?? 0n, environment);
  return { values: values as { [K in keyof T]: FpValue }, nan };
}

/** Number of bits of `value`, which must not be negative. */
export function bitLength(value: bigint): number {
  const hex = value.toString(16);
  return value === 0n ? 0 : hex.length * 4 - (Math.clz32(Number.parseInt(hex[0] ?? '0', 16)) - 28);
}

/** Result of a right shift, with its remainder: 0 none, 1 less than half a unit, 2 half, 3 more. */
export interface Shifted {
  readonly whole: bigint;
  readonly lost: 0 | 1 | 2 | 3;
}

/** `value` / 2^`count` with the remainder. A negative count shifts left. */
export function shiftRightLosing(value: bigint, count: number): Shifted {
  if (count <= 0) return { whole: value << BigInt(-count), lost: 0 };
  const whole = value >> BigInt(count);
  const rest = value & ((1n << BigInt(count)) - 1n);
  if (rest === 0n) return { whole, lost: 0 };
  const half = 1n << BigInt(count - 1);
  return { whole, lost: rest < half ? 1 : rest === half ? 2 : 3 };
}

/** True when a magnitude with remainder `lost` is rounded up, away from zero. */
export function roundsUp(rounding: Rounding, negative: boolean, { whole, lost }: Shifted): boolean {
  switch (rounding) {
    case ROUNDING.tiesToEven:
      return lost === 3 || (lost === 2 && (whole & 1n) === 1n);
    case ROUNDING.tiesAway:
      return lost >= 2;
    case ROUNDING.towardPlusInfinity:
      return lost !== 0 && !negative;
    case ROUNDING.towardMinusInfinity:
      return lost !== 0 && negative;
    case ROUNDING.towardZero:
    case ROUNDING.toOdd:
      return false;
  }
}

/** True when an overflow gives infinity; false when it gives the largest number. */
export function overflowsToInfinity(rounding: Rounding, negative: boolean): boolean {
  if (rounding === ROUNDING.towardPlusInfinity) return !negative;
  if (rounding === ROUNDING.towardMinusInfinity) return negative;
  return rounding !== ROUNDING.towardZero && rounding !== ROUNDING.toOdd;
}

/** Nonzero number. */
export interface ExactNumber {
  readonly negative: boolean;
  readonly significand: bigint;
  readonly exponent: number;
}

/** FPRound: rounds to `format`; sets OFC, UFC and IXC. */
export const round = (
  format: FpFormat,
  number: ExactNumber,
  environment: FpEnvironment,
  rounding: Rounding = fpcrRounding(environment.fpcr),
): bigint => roundBase(format, number, environment, environment.fpcr & ~FPCR.AHP, rounding);

/** FPRoundCV, for conversions between formats: FZ16 is ignored, and AHP applies. */
export const roundForConversion = (
  format: FpFormat,
  number: ExactNumber,
  environment: FpEnvironment,
  rounding: Rounding,
): bigint => roundBase(format, number, environment, environment.fpcr & ~FPCR.FZ16, rounding);

/** Rounds; tininess is detected before rounding. FZ, FZ16 and AHP are read from `fpcr`. */
function roundBase(
  format: FpFormat,
  { negative, significand, exponent }: ExactNumber,
  environment: FpEnvironment,
  fpcr: number,
  rounding: Rounding,
): bigint {
  const length = bitLength(significand);
  const sign = zero(format, negative);
  const top = exponent + length - 1;
  const tiny = top < format.minimumExponent;
  if (tiny && (fpcr & format.flushBit) !== 0) {
    raise(environment, FPSR.UFC);
    return sign;
  }
  // Exponent of the result's last place.
  const unit = (tiny ? format.minimumExponent : top) - format.fractionBits;
  const shifted = shiftRightLosing(significand, unit - exponent);
  const { lost } = shifted;
  if (tiny && lost !== 0) raise(environment, FPSR.UFC);
  let whole = shifted.whole;
  if (roundsUp(rounding, negative, shifted)) whole += 1n;
  if (rounding === ROUNDING.toOdd && lost !== 0) whole |= 1n;
  // A carry out of the fraction increments the exponent field. Therefore the hidden bit is added,
  // not ORed.
  const field = tiny ? 0 : top - format.minimumExponent;
  const magnitude = (BigInt(field) << BigInt(format.fractionBits)) + whole;
  if (format === HALF && (fpcr & FPCR.AHP) !== 0) {
    if (magnitude > ALTERNATIVE_HALF_LARGEST) {
      raise(environment, FPSR.IOC);
      return sign | ALTERNATIVE_HALF_LARGEST;
    }
  } else if (magnitude >= format.infinity) {
    raise(environment, FPSR.OFC | FPSR.IXC);
    return overflowsToInfinity(rounding, negative) ? infinity(format, negative) : sign | format.largestNormal;
  }
  if (lost !== 0) raise(environment, FPSR.IXC);
  return sign | magnitude;
}

const ALTERNATIVE_HALF_LARGEST = 0x7fffn;
