// SPDX-License-Identifier: GPL-2.0-only
/**
 * How a class of instructions registers: one row for each encoding, with its meaning.
 *
 *     instruction('ADC', 'sf op S 11010000 Rm 000000 Rn Rd', {}, (code, f) => …)
 *         meaning as code: for the interpreter and the translator
 *     helped('CRC32', 'sf 0011010110 Rm 010 C sz:2 Rn Rd', {}, (f) => (core) => …)
 *         meaning as a function in TypeScript, called from both
 *
 * Code is the better one: it is written once, runs inside WebAssembly, and everything in it that
 * depends on fields alone is decided when it is made. A helper costs a call out, and is for what is
 * rare or cannot be said in WebAssembly: system registers, exact floating point, cryptography.
 */

import type { CoreState } from '#emulator/a64/core-state.ts';
import type { A64Code } from '#emulator/a64/a64-code.ts';
import type { Feature } from '#emulator/a64/features.ts';
import { type Field, type FieldsOf, type NumbersOf, parsePattern, type Pattern } from './pattern.ts';

/**
 * What an instruction does on a core. It returns true when it has set PC. May throw a
 * GuestException, before it changes anything.
 */
export type Helper = (core: CoreState) => boolean | void;

/**
 * Where an instruction goes on: behind itself, or at its immediate ("jump", "call"), or at either
 * ("conditional"), or anywhere. A call is expected to come back behind itself. An "exception" never
 * goes on behind itself.
 */
export type Flow = 'next' | 'conditional' | 'jump' | 'call' | 'indirect' | 'indirect call' | 'exception';

export interface Options<P extends string> {
  /**
   * The encoding is allocated for these values of its fields; others are undefined, or another
   * row's.
   */
  readonly where?: (f: NumbersOf<P>) => boolean;
  /** Without it the encoding is undefined; a function where it depends on the fields. */
  readonly feature?: Feature | ((f: NumbersOf<P>) => Feature | null);
  /** It uses FP or SIMD registers, so that it may be trapped. */
  readonly fp?: boolean;
  /** Where it goes on; without it: behind itself. */
  readonly flow?: Flow | ((f: NumbersOf<P>) => Flow);
  /** A number that its code needs and that is made from its fields; see A64Code.immediate. */
  readonly immediate?: (f: NumbersOf<P>) => bigint | number;
  /**
   * Its code does the frequent cases and calls {@link A64Code.fallback} for the others: the helper
   * that also has its words.
   */
  readonly fallback?: boolean;
}

export interface Instruction {
  /** As in the Arm ARM: "ADD (immediate)". */
  readonly name: string;
  readonly pattern: Pattern;
  /** The fields that select its function; a helper looks at all fields itself, so it has none. */
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
 * @param prepare is called once for each word, so what depends on the fields alone need not be done
 * again
 */
export function helped<P extends string>(
  name: string,
  pattern: P,
  options: Options<P>,
  prepare: (f: NumbersOf<P>) => Helper,
): Instruction {
  return row(name, pattern, options, { kind: 'helper', prepare: prepare as (fields: unknown) => Helper });
}
