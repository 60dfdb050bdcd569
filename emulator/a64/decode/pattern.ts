// SPDX-License-Identifier: GPL-2.0-only
/**
 * Encodings as the Arm ARM draws them: bits and fields from bit 31 down to bit 0.
 *
 *     'sf 0 0 01011 shift:2 0 Rm imm6:6 Rn Rd'
 *
 * A field is one bit wide unless the pattern gives a width; register fields (R…) are five bits
 * wide. Registers and immediates (imm…, and names that begin with "~") are operands: the
 * interpreter reads them from the word each time. All other fields select the operation: each of
 * their values has a handler.
 *
 * Source: Arm ARM DDI 0487 K.a, C4.1.
 */

import type { I32 } from '#emulator/a64/wasm/expressions.ts';

export interface Field {
  readonly name: string;
  /** Bit number of its lowest bit. */
  readonly low: number;
  readonly bits: number;
  /** Mask of the field's width: as many ones as it has bits. */
  readonly ones: number;
  readonly isOperand: boolean;
}

export interface Pattern {
  /** Mask of the fixed bits. */
  readonly mask: number;
  readonly value: number;
  readonly fields: readonly Field[];
}

type Named<T extends string> = T extends `${infer N}:${string}` ? N : T;
type FieldToken<T extends string> = T extends `0${string}` | `1${string}` ? never : Named<T>;
type Tokens<P extends string> = P extends `${infer Head} ${infer Rest}`
  ? FieldToken<Head> | Tokens<Rest>
  : FieldToken<P>;
type Key<N extends string> = N extends `~${infer Rest}` ? Rest : N;
type IsOperand<N extends string> = N extends `R${string}` | `imm${string}` | `~${string}` ? true : false;

/**
 * Fields of a pattern as a generator sees them: operands are values in the code, the others
 * numbers.
 */
export type FieldsOf<P extends string> = {
  readonly [N in Tokens<P> as Key<N>]: IsOperand<N> extends true ? I32 : number;
};

/** Fields of a pattern, all of them numbers. */
export type NumbersOf<P extends string> = { readonly [N in Tokens<P> as Key<N>]: number };

const REGISTER_BITS = 5;

function parseField(token: string, high: number): Field {
  const [written = '', width] = token.split(':');
  const name = written.replace('~', '');
  const isRegister = name.startsWith('R');
  const bits = width === undefined ? (isRegister ? REGISTER_BITS : 1) : Number(width);
  const isOperand = isRegister || name.startsWith('imm') || written !== name;
  return { name, bits, ones: 2 ** bits - 1, low: high - bits, isOperand };
}

/** @throws RangeError when the pattern is not 32 bits long */
export function parsePattern(text: string): Pattern {
  const fields: Field[] = [];
  let [mask, value, at] = [0, 0, 32];
  for (const token of text.split(' ')) {
    if (!/^[01]+$/.test(token)) {
      const field = parseField(token, at);
      fields.push(field);
      at = field.low;
      continue;
    }
    for (const bit of token) {
      at--;
      mask |= 1 << at;
      if (bit === '1') value |= 1 << at;
    }
  }
  if (at !== 0) throw new RangeError(`an encoding of ${32 - at} bits: ${text}`);
  return { mask, value, fields };
}

/** Value of one field in an instruction word. */
export const fieldOf = (word: number, { low, ones }: Field): number => (word >>> low) & ones;

/** Values of all fields in `word`. */
export function fieldsOf(word: number, fields: readonly Field[]): Record<string, number> {
  const values: Record<string, number> = {};
  for (const field of fields) values[field.name] = fieldOf(word, field);
  return values;
}
