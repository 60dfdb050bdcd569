// SPDX-License-Identifier: GPL-2.0-only
/**
 * Vector operations of WebAssembly, on 128 bits. Knows nothing of A64.
 *
 * Specification: WebAssembly Core Specification 2.0, 5.4.8.
 */

import type { Bytes } from './bytes.ts';

/** Pure expression: memory that it reads is read where the expression is used. */
export interface V128 {
  put(to: Bytes): void;
}

/** Number on the stack: an address, a count, or a value for all lanes. */
type Scalar = V128;

/** log2 of the bytes of a lane. */
export type LaneSize = 0 | 1 | 2 | 3;

const PREFIX = 0xfd;
const LOAD = 0;
const STORE = 11;
const CONST = 12;
const SHUFFLE = 13;
const SWIZZLE = 14;
const SPLAT = 15;

/**
 * First opcode of lane operations: for lanes of 1 << size bytes, `LANES` + 32 * size + operation.
 */
const LANES = 96;
const OF_LANES = {
  abs: 0,
  neg: 1,
  extendLowS: 7,
  extendHighS: 8,
  extendLowU: 9,
  extendHighU: 10,
  shl: 11,
  shrS: 12,
  shrU: 13,
  add: 14,
  sub: 17,
  mul: 21,
  minS: 22,
  minU: 23,
  maxS: 24,
  maxU: 25,
  averageU: 27,
  multiplyLowS: 28,
  multiplyHighS: 29,
  multiplyLowU: 30,
  multiplyHighU: 31,
} as const;

/** Comparisons; doublewords have no unsigned ones. */
const COMPARE = {
  eq: [35, 45, 55, 214],
  gtS: [39, 49, 59, 217],
  gtU: [40, 50, 60, null],
  geS: [43, 53, 63, 219],
  geU: [44, 54, 64, null],
} as const;

const BITS = { not: 77, and: 78, andNot: 79, or: 80, xor: 81, select: 82 } as const;
const COUNT_ONES = 98;
/** Sums of adjacent lanes into lanes twice as wide: [signed, unsigned] by size. */
const ADD_PAIRS = [
  [124, 125],
  [126, 127],
] as const;

export type LaneOperation = keyof typeof OF_LANES;
export type LaneComparison = keyof typeof COMPARE;

const expression = (parts: readonly V128[], opcode: number, immediate: readonly number[] = []): V128 => ({
  put(to) {
    for (const part of parts) part.put(to);
    to.byte(PREFIX);
    to.unsigned(opcode);
    to.bytes(immediate);
  },
});

/** Access at the address on the stack + `offset`. */
function putAccess(to: Bytes, opcode: number, offset: number): void {
  to.byte(PREFIX);
  to.byte(opcode);
  to.byte(0);
  to.unsigned(offset);
}

/** Operations; the caller must not ask for lane sizes that WebAssembly lacks. */
export const simd = {
  load: (address: Scalar, offset: number): V128 => ({
    put(to) {
      address.put(to);
      putAccess(to, LOAD, offset);
    },
  }),

  /** Stores a vector; a statement, not an expression. */
  store(to: Bytes, address: Scalar, offset: number, value: V128): void {
    address.put(to);
    value.put(to);
    putAccess(to, STORE, offset);
  },

  /** @param bytes 16 bytes, the lowest first */
  constant: (bytes: readonly number[]): V128 => expression([], CONST, bytes),

  /** Bytes of `a` by index; indices from 16 on select bytes of `b`. */
  shuffle: (a: V128, b: V128, bytes: readonly number[]): V128 => expression([a, b], SHUFFLE, bytes),

  /** Bytes of `a` by the indices in `indices`; an index above 15 gives 0. */
  swizzle: (a: V128, indices: V128): V128 => expression([a, indices], SWIZZLE),

  /** Low bits of an i32 (an i64 for doublewords) in every lane. */
  splat: (size: LaneSize, value: Scalar): V128 => expression([value], SPLAT + size),

  lanes: (name: LaneOperation, size: LaneSize, ...operands: readonly V128[]): V128 =>
    expression(operands, LANES + 32 * size + OF_LANES[name]),

  /** Returns null when WebAssembly lacks the comparison. */
  compare(name: LaneComparison, size: LaneSize, a: V128, b: V128): V128 | null {
    const opcode = COMPARE[name][size];
    return opcode === null ? null : expression([a, b], opcode);
  },

  bits: (name: keyof typeof BITS, ...operands: readonly V128[]): V128 => expression(operands, BITS[name]),

  countOnes: (a: V128): V128 => expression([a], COUNT_ONES),

  addPairs: (size: 0 | 1, isSigned: boolean, a: V128): V128 => expression([a], ADD_PAIRS[size][isSigned ? 0 : 1]),
};
