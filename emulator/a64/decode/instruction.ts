// SPDX-License-Identifier: GPL-2.0-only
/**
 * Registration of instructions: one row for each encoding, with its meaning.
 *
 *     instruction('ADC', 'sf op S 11010000 Rm 000000 Rn Rd', {}, (code, f) => …)
 *         meaning as code: for the interpreter and the translator
 *     helped('CRC32', 'sf 0011010110 Rm 010 C sz:2 Rn Rd', {}, (f) => (core) => …)
 *         meaning as a function in TypeScript, called from both
 *
 * Prefer code: it is written once, runs inside WebAssembly, and everything that depends on fields
 * alone is decided when the code is generated. A helper costs a call out of WebAssembly. Helpers
 * are for rare instructions and for those that WebAssembly cannot express: system registers, exact
 * floating point, cryptography.
 */

import type { CoreState } from '#emulator/a64/core-state.ts';
import type { A64Code } from '#emulator/a64/a64-code.ts';
import type { Feature } from '#emulator/a64/features.ts';
import { type Field, type FieldsOf, type NumbersOf, parsePattern, type Pattern } from './pattern.ts';

/**
 * Effect of an instruction on a core. Returns true when it has set PC. May throw a GuestException,
 * but only before it changes anything.
 */
export type Helper = (core: CoreState) => boolean | void;

/**
 * Control flow after an instruction. "next": the following instruction. "jump" and "call": the
 * target in the immediate; a call is expected to return to the following instruction.
 * "conditional": either of both. "indirect": a target in a register. "exception": never the
 * following instruction.
 */
export type Flow = 'next' | 'conditional' | 'jump' | 'call' | 'indirect' | 'indirect call' | 'exception';

export interface Options<P extends string> {
  /**
   * True where these field values are allocated; other values are undefined or belong to another
   * row.
   */
  readonly where?: (f: NumbersOf<P>) => boolean;
  /**
   * Extension that the encoding needs; a function where the fields decide. A core without it takes
   * the word as undefined.
   */
  readonly feature?: Feature | ((f: NumbersOf<P>) => Feature | null);
  /** True when the instruction uses FP or SIMD registers, so that it may be trapped. */
  readonly fp?: boolean;
  /** Control flow after the instruction; "next" when absent. */
  readonly flow?: Flow | ((f: NumbersOf<P>) => Flow);
  /** Constant that the code needs, computed from the fields; see A64Code.immediate. */
  readonly immediate?: (f: NumbersOf<P>) => bigint | number;
  /**
   * True when the code serves only the frequent cases and calls {@link A64Code.fallback} for the
   * others: a helper row also matches its words.
   */
  readonly fallback?: boolean;
}

export interface Instruction {
  /** Name as in the Arm ARM: "ADD (immediate)". */
  readonly name: string;
  readonly pattern: Pattern;
  /** Fields that select the variant. A helper reads all fields itself, so it has none. */
  readonly selectors: readonly Field[];
  readonly where: ((fields: Readonly<Record<string, number>>) => boolean) | null;
  readonly feature: Feature | ((fields: Readonly<Record<string, number>>) => Feature | null) | null;
  readonly fp: boolean;
  readonly fallback: boolean;
  readonly flow: Flow | ((fields: Readonly<Record<string, number>>) => Flow);
  readonly immediate: ((fields: Readonly<Record<string, number>>) => bigint | number) | null;
  readonly meaning:
    | { readonly kind: 'code'; readonly emit: (code: A64Code, fields: Readonly<Record<string, unknown>>) => void }
    | { readonly kind: 'helper'; readonly prepare: (fields: Readonly<Record<string, number>>) => Helper };
}

function row<P extends string>(
  name: string,
  text: P,
  options: Options<P>,
  meaning: Instruction['meaning'],
): Instruction {
  const pattern = parsePattern(text);
  return {
    name,
    pattern,
    selectors: meaning.kind === 'helper' ? [] : pattern.fields.filter(({ isOperand }) => !isOperand),
    where: (options.where as Instruction['where'] | undefined) ?? null,
    feature: (options.feature as Instruction['feature'] | undefined) ?? null,
    fp: options.fp ?? false,
    fallback: options.fallback ?? false,
    flow: (options.flow as Instruction['flow'] | undefined) ?? 'next',
    immediate: (options.immediate as Instruction['immediate'] | undefined) ?? null,
    meaning,
  };
}

export function instruction<P extends string>(
  name: string,
  pattern: P,
  options: Options<P>,
  emit: (code: A64Code, f: FieldsOf<P>) => void,
): Instruction {
  return row(name, pattern, options, { kind: 'code', emit: emit as (code: A64Code, fields: unknown) => void });
}

/**
 * @param prepare called once for each word, so that work that depends on fields alone is done once
 */
export function helped<P extends string>(
  name: string,
  pattern: P,
  options: Options<P>,
  prepare: (f: NumbersOf<P>) => Helper,
): Instruction {
  return row(name, pattern, options, { kind: 'helper', prepare: prepare as (fields: unknown) => Helper });
}
