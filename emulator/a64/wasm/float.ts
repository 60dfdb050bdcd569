// SPDX-License-Identifier: GPL-2.0-only
/**
 * Floating-point operations of WebAssembly on the bits of their operands: an i64 is a double, an
 * i32 a single. So registers and memory need no types of their own.
 *
 * WebAssembly does not specify the bits of a NaN result: code that depends on them must exclude
 * NaNs.
 *
 * Specification: WebAssembly Core Specification 2.0, 5.4.6.
 */

import { after, type I32, type I64, type Value } from './expressions.ts';

type Bits = 'i32' | 'i64';

const BINARY = {
  add: { i32: 0x92, i64: 0xa0 },
  sub: { i32: 0x93, i64: 0xa1 },
  mul: { i32: 0x94, i64: 0xa2 },
  div: { i32: 0x95, i64: 0xa3 },
  /** WebAssembly orders -0 below +0. */
  min: { i32: 0x96, i64: 0xa4 },
  max: { i32: 0x97, i64: 0xa5 },
} as const;

const UNARY = {
  abs: { i32: 0x8b, i64: 0x99 },
  ceil: { i32: 0x8d, i64: 0x9b },
  floor: { i32: 0x8e, i64: 0x9c },
  trunc: { i32: 0x8f, i64: 0x9d },
  /** To nearest, ties to even. */
  nearest: { i32: 0x90, i64: 0x9e },
  sqrt: { i32: 0x91, i64: 0x9f },
} as const;

const COMPARE = {
  eq: { i32: 0x5b, i64: 0x61 },
  ne: { i32: 0x5c, i64: 0x62 },
  lt: { i32: 0x5d, i64: 0x63 },
  gt: { i32: 0x5e, i64: 0x64 },
  ge: { i32: 0x60, i64: 0x66 },
} as const;

/** Reinterpretation of bits as a number, and back. */
const NUMBER = { i32: 0xbe, i64: 0xbf } as const;
const BITS = { i32: 0xbc, i64: 0xbd } as const;
const DEMOTE = 0xb6;
const PROMOTE = 0xbb;
/** Conversions by the integer's and the number's type: [signed, unsigned]. */
const CONVERT = {
  i32: { i32: [0xb2, 0xb3], i64: [0xb7, 0xb8] },
  i64: { i32: [0xb4, 0xb5], i64: [0xb9, 0xba] },
} as const;
const SATURATING_PREFIX = 0xfc;
const TRUNCATE = {
  i32: { i32: [0, 1], i64: [2, 3] },
  i64: { i32: [4, 5], i64: [6, 7] },
} as const;

export type FloatBinary = keyof typeof BINARY;
export type FloatUnary = keyof typeof UNARY;
export type FloatCompare = keyof typeof COMPARE;

const numberOf = <T extends Bits>(bits: Value<T>): Value<T> => after(bits.type, [bits], NUMBER[bits.type]);

export const float = {
  binary: <T extends Bits>(name: FloatBinary, a: Value<T>, b: Value<T>): Value<T> =>
    after(a.type, [numberOf(a), numberOf(b)], BINARY[name][a.type], BITS[a.type]),

  unary: <T extends Bits>(name: FloatUnary, a: Value<T>): Value<T> =>
    after(a.type, [numberOf(a)], UNARY[name][a.type], BITS[a.type]),

  /** 1 or 0; 0 when an operand is a NaN, except for `ne`. */
  compare: <T extends Bits>(name: FloatCompare, a: Value<T>, b: Value<T>): I32 =>
    after('i32', [numberOf(a), numberOf(b)], COMPARE[name][a.type]),

  demote: (a: I64): I32 => after('i32', [numberOf(a)], DEMOTE, BITS.i32),
  promote: (a: I32): I64 => after('i64', [numberOf(a)], PROMOTE, BITS.i64),

  /** Nearest number to an integer. */
  fromInteger: <T extends Bits>(integer: Value, type: T, isSigned: boolean): Value<T> =>
    after(type, [integer], CONVERT[integer.type][type][isSigned ? 0 : 1], BITS[type]),

  /** Integer towards zero; values out of range saturate, a NaN gives 0. */
  toInteger: <T extends Bits>(a: Value, type: T, isSigned: boolean): Value<T> =>
    after(type, [numberOf(a)], SATURATING_PREFIX, TRUNCATE[type][a.type][isSigned ? 0 : 1]),
};
