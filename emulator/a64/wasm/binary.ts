// SPDX-License-Identifier: GPL-2.0-only
/**
 * Binary encoding of WebAssembly modules: numbers, vectors, opcodes. Knows nothing of A64.
 *
 * Specification: WebAssembly Core Specification 2.0, 5 (binary format).
 */

import { Bytes } from './bytes.ts';

export type ValueType = 'i32' | 'i64';

export const TYPE_CODE: Readonly<Record<ValueType, number>> = { i32: 0x7f, i64: 0x7e };

/** Type of a block without results. */
export const EMPTY_BLOCK = 0x40;

/** Opcodes without immediates of their own. */
export const CONTROL = {
  unreachable: 0x00,
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  drop: 0x1a,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
} as const;

export const CONST: Readonly<Record<ValueType, number>> = { i32: 0x41, i64: 0x42 };

/** Binary operations: two operands of one type, a result of the same type. */
export const BINARY = {
  add: { i32: 0x6a, i64: 0x7c },
  sub: { i32: 0x6b, i64: 0x7d },
  mul: { i32: 0x6c, i64: 0x7e },
  divS: { i32: 0x6d, i64: 0x7f },
  divU: { i32: 0x6e, i64: 0x80 },
  and: { i32: 0x71, i64: 0x83 },
  or: { i32: 0x72, i64: 0x84 },
  xor: { i32: 0x73, i64: 0x85 },
  shl: { i32: 0x74, i64: 0x86 },
  shrS: { i32: 0x75, i64: 0x87 },
  shrU: { i32: 0x76, i64: 0x88 },
  rotr: { i32: 0x78, i64: 0x8a },
} as const;

/** Comparisons: two operands of one type, an i32 result that is 0 or 1. */
export const COMPARE = {
  eq: { i32: 0x46, i64: 0x51 },
  ne: { i32: 0x47, i64: 0x52 },
  ltS: { i32: 0x48, i64: 0x53 },
  ltU: { i32: 0x49, i64: 0x54 },
  gtS: { i32: 0x4a, i64: 0x55 },
  gtU: { i32: 0x4b, i64: 0x56 },
  leS: { i32: 0x4c, i64: 0x57 },
  leU: { i32: 0x4d, i64: 0x58 },
  geS: { i32: 0x4e, i64: 0x59 },
  geU: { i32: 0x4f, i64: 0x5a },
} as const;

/** Unary operations: one operand, a result of the same type. */
export const UNARY = {
  clz: { i32: 0x67, i64: 0x79 },
  ctz: { i32: 0x68, i64: 0x7a },
  popcnt: { i32: 0x69, i64: 0x7b },
  extend8S: { i32: 0xc0, i64: 0xc2 },
  extend16S: { i32: 0xc1, i64: 0xc3 },
} as const;

export const EQZ: Readonly<Record<ValueType, number>> = { i32: 0x45, i64: 0x50 };
export const WRAP = 0xa7;
export const EXTEND_S = 0xac;
export const EXTEND_U = 0xad;
export const EXTEND32_S = 0xc4;

/** Loads that zero-extend, and stores of the low bytes, by value type and bytes. */
export const LOAD: Readonly<Record<ValueType, Readonly<Record<number, number>>>> = {
  i32: { 1: 0x2d, 2: 0x2f, 4: 0x28 },
  i64: { 1: 0x31, 2: 0x33, 4: 0x35, 8: 0x29 },
};
export const STORE: Readonly<Record<ValueType, Readonly<Record<number, number>>>> = {
  i32: { 1: 0x3a, 2: 0x3b, 4: 0x36 },
  i64: { 1: 0x3c, 2: 0x3d, 4: 0x3e, 8: 0x37 },
};

/** Most numbers of a module fit one byte: made once. */
const ONE_BYTE: readonly (readonly number[])[] = Array.from({ length: 0x80 }, (_, value) => [value]);

/** `value` as unsigned LEB128, at most 32 bits. */
export function unsigned(value: number): readonly number[] {
  if (value >= 0 && value < 0x80) return ONE_BYTE[value] as readonly number[];
  const bytes = new Bytes();
  bytes.unsigned(value);
  return [...bytes.all];
}

/** `value` as signed LEB128, at most 32 bits. */
export function signed(value: number): number[] {
  const bytes = new Bytes();
  bytes.signed(value);
  return [...bytes.all];
}

/** Name: its length and its characters, which must be ASCII. */
export function name(text: string): number[] {
  return [...unsigned(text.length), ...Array.from(text, (character) => character.charCodeAt(0))];
}

/** Vector of items that are encoded already. */
export function vector(items: readonly (readonly number[])[]): number[] {
  return [...unsigned(items.length), ...items.flat()];
}
