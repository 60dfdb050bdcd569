// SPDX-License-Identifier: GPL-2.0-only
/**
 * Decoder: finds the table row of an instruction word, and the handler for the values of its
 * selecting fields.
 *
 * The decoder searches only the rows that can match the word's bits 31:21. That list is made when
 * the first such word comes. A core remembers every word it decoded (decoded-words.ts), but a
 * kernel has a hundred thousand different ones.
 */

import type { Feature, Features } from '#emulator/a64/features.ts';
import type { Flow, Helper, Instruction } from './instruction.ts';
import { type Field, fieldOf, fieldsOf } from './pattern.ts';

const GROUP_SHIFT = 21;

/** Unit that gets its own function: a row, together with the values of its selecting fields. */
export interface Variant {
  readonly instruction: Instruction;
  /** Selecting fields packed into one number, the first field lowest. */
  readonly selection: number;
  readonly fields: Readonly<Record<string, number>>;
}

export function selectionOf(instruction: Instruction, word: number): number {
  let [selection, shift] = [0, 0];
  for (const field of instruction.selectors) {
    selection |= fieldOf(word, field) << shift;
    shift += field.bits;
  }
  return selection;
}

/** Extension that `word`, which belongs to the row, needs; null for none. */
const featureOf = ({ feature, pattern }: Instruction, word: number): Feature | null =>
  typeof feature === 'function' ? feature(fieldsOf(word, pattern.fields)) : feature;

/** Control flow after `word`, which belongs to the row. */
export const flowOf = ({ flow, pattern }: Instruction, word: number): Flow =>
  typeof flow === 'function' ? flow(fieldsOf(word, pattern.fields)) : flow;

/** All variants of a row for which an allocated word exists. */
export function variantsOf(instruction: Instruction): Variant[] {
  const fields = instruction.selectors;
  if (fields.length === 0) return [{ instruction, selection: 0, fields: {} }];
  const bits = fields.reduce((sum, field) => sum + field.bits, 0);
  const operands = instruction.pattern.fields.filter((field) => !fields.includes(field));
  const variants: Variant[] = [];
  for (let selection = 0; selection < 2 ** bits; selection++) {
    const values: Record<string, number> = {};
    let shift = 0;
    for (const field of fields) {
      values[field.name] = (selection >>> shift) & (2 ** field.bits - 1);
      shift += field.bits;
    }
    // Allocation may depend on operands as well: all zeros and all ones stand for the rest.
    const withOperands = (of: (field: Field) => number) => ({
      ...values,
      ...Object.fromEntries(operands.map((field) => [field.name, of(field)])),
    });
    const { where } = instruction;
    const exists =
      where === null || where(withOperands(() => 0)) || where(withOperands(({ bits: width }) => 2 ** width - 1));
    if (exists) variants.push({ instruction, selection, fields: values });
  }
  return variants;
}

export class Decoder {
  private readonly instructions: readonly Instruction[];
  /** Candidate rows by bits 31:21. */
  private readonly groups = new Map<number, readonly Instruction[]>();

  constructor(instructions: readonly Instruction[]) {
    this.instructions = instructions;
  }

  private groupOf(word: number): readonly Instruction[] {
    const number = word >>> GROUP_SHIFT;
    let group = this.groups.get(number);
    if (group === undefined) {
      group = this.instructions.filter(({ pattern: { mask, value } }) => ((word ^ value) & mask) >>> GROUP_SHIFT === 0);
      this.groups.set(number, group);
    }
    return group;
  }

  /** Returns null when the encoding is unallocated or the core lacks its extension (`has`). */
  decode(word: number, has: Features): Instruction | null {
    const found = this.find(word, false);
    if (found === null) return null;
    const feature = featureOf(found, word);
    return feature !== null && !has(feature) ? null : found;
  }

  /** The helper for a word whose code falls back. @throws RangeError when there is none */
  helperOf(word: number): Helper {
    const found = this.find(word, true);
    if (found?.meaning.kind !== 'helper') throw new RangeError(`no helper for ${word.toString(16)}`);
    return found.meaning.prepare(fieldsOf(word, found.pattern.fields));
  }

  private find(word: number, onlyHelpers: boolean): Instruction | null {
    for (const instruction of this.groupOf(word)) {
      const { pattern, where, meaning } = instruction;
      if (((word ^ pattern.value) & pattern.mask) !== 0 || (onlyHelpers && meaning.kind !== 'helper')) continue;
      if (where === null || where(fieldsOf(word, pattern.fields))) return instruction;
    }
    return null;
  }
}
