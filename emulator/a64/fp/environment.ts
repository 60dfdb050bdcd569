// SPDX-License-Identifier: GPL-2.0-only
/**
 * Environment of floating-point operations: FPCR and FPSR, and the three formats.
 *
 * Arm ARM DDI 0487, C5.2.7 (FPCR), C5.2.10 (FPSR), A1.4 (formats).
 */

/** FPCR fields that the operations read; a core without trapped exceptions has no others. */
export const FPCR = {
  /** Alternative half precision: conversions know no infinities and no NaNs of that format. */
  AHP: 1 << 26,
  /** Default NaN: every NaN result is the default NaN. */
  DN: 1 << 25,
  /** Flush to zero, single and double precision. */
  FZ: 1 << 24,
  RMODE_SHIFT: 22,
  /** Flush to zero, half precision. */
  FZ16: 1 << 19,
} as const;

/** Cumulative flags of FPSR. */
export const FPSR = {
  /** Invalid operation. */
  IOC: 1 << 0,
  /** Division by zero. */
  DZC: 1 << 1,
  /** Overflow. */
  OFC: 1 << 2,
  /** Underflow. */
  UFC: 1 << 3,
  /** Inexact. */
  IXC: 1 << 4,
  /** A subnormal input was flushed. */
  IDC: 1 << 7,
  /** An integer result was saturated. */
  QC: 1 << 27,
} as const;

/** Environment of an operation; exceptions set their bits in `fpsr`. */
export interface FpEnvironment {
  readonly fpcr: number;
  fpsr: number;
}

/** FPRounding of the Arm ARM. The first four are FPCR.RMode's numbers. */
export const ROUNDING = {
  tiesToEven: 0,
  towardPlusInfinity: 1,
  towardMinusInfinity: 2,
  towardZero: 3,
  tiesAway: 4,
  toOdd: 5,
} as const;

export type Rounding = (typeof ROUNDING)[keyof typeof ROUNDING];

/** Rounding mode that FPCR selects. */
export const fpcrRounding = (fpcr: number): Rounding => ((fpcr >>> FPCR.RMODE_SHIFT) & 3) as Rounding;

/** Binary format of IEEE 754 and its constants, as bits. */
export interface FpFormat {
  readonly bits: 16 | 32 | 64;
  readonly fractionBits: number;
  readonly exponentBits: number;
  /** Exponent of the least normal number: 2 - 2^(exponentBits - 1). */
  readonly minimumExponent: number;
  /** Exponent field of infinities and NaNs: all ones. */
  readonly maximumField: number;
  readonly signBit: bigint;
  readonly fractionMask: bigint;
  /** Top bit of the fraction: set in quiet NaNs. */
  readonly quietBit: bigint;
  readonly infinity: bigint;
  readonly defaultNaN: bigint;
  readonly largestNormal: bigint;
  /** FPCR bit that flushes subnormals of this format. */
  readonly flushBit: number;
}

function format(bits: 16 | 32 | 64, fractionBits: number): FpFormat {
  const exponentBits = bits - fractionBits - 1;
  const maximumField = 2 ** exponentBits - 1;
  const infinity = BigInt(maximumField) << BigInt(fractionBits);
  const quietBit = 1n << BigInt(fractionBits - 1);
  return {
    bits,
    fractionBits,
    exponentBits,
    minimumExponent: 2 - 2 ** (exponentBits - 1),
    maximumField,
    signBit: 1n << BigInt(bits - 1),
    fractionMask: (1n << BigInt(fractionBits)) - 1n,
    quietBit,
    infinity,
    defaultNaN: infinity | quietBit,
    largestNormal: infinity - 1n,
    flushBit: bits === 16 ? FPCR.FZ16 : FPCR.FZ,
  };
}

export const HALF: FpFormat = format(16, 10);
export const SINGLE: FpFormat = format(32, 23);
export const DOUBLE: FpFormat = format(64, 52);
