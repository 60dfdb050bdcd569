// SPDX-License-Identifier: GPL-2.0-only
/**
 * Families of words to compare with QEMU: words of a family differ only in operands. A digest
 * covers the results of some words of each family.
 *
 * scripts/simd-fixtures.ts writes the digests of QEMU's results.
 */

import { join } from 'node:path';
import type { Instruction } from '#emulator/a64/decode/instruction.ts';
import { EXCLUSIVE } from '#emulator/a64/instructions/exclusive.ts';
import { SIMD_FP } from '#emulator/a64/instructions/simd-fp.ts';
import { STRUCTURE_LOADS } from '#emulator/a64/instructions/structure-loads.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { randomRecords, RECORD, UNDEFINED_SIGNAL } from './cases.ts';

/** A line for each class, and one for each family of it that is not UNDEFINED. */
export const DIGESTS: string = join(packageRoot(), 'scripts/simd-fixtures/digests.txt');

/** About this number of records for a class: a family has more where the class has few families. */
const CLASS_CASES = 4096;
const [LEAST_CASES, MOST_CASES] = [16, 256];

export interface EncodingClass {
  readonly name: string;
  readonly pattern: Instruction['pattern'];
  /** Its words load and store. */
  readonly memory: boolean;
  readonly atomic?: boolean;
}

/** Several rows have the class's pattern: one for each feature. */
function classesOf(rows: readonly Instruction[], memory: boolean, atomic = false): EncodingClass[] {
  const byName = new Map(rows.map(({ name, pattern }) => [name, { name, pattern, memory, atomic }]));
  return [...byName.values()];
}

/** Exclusives need two instructions. */
const ATOMICS = EXCLUSIVE.filter(({ feature }) => feature !== null);

export const CLASSES: readonly EncodingClass[] = [
  ...classesOf(SIMD_FP, false),
  ...classesOf(STRUCTURE_LOADS, true),
  ...classesOf(ATOMICS, true, true),
];

export interface Family {
  /** Values of the fields that select, as text. */
  readonly key: string;
  readonly records: Uint8Array;
}

/** Every family of a class, one after the other. */
export function* familiesOf({ pattern, memory, atomic = false }: EncodingClass): Generator<Family> {
  const selecting = pattern.fields.filter(({ name, isOperand, bits }) => !isOperand || (name === 'R' && bits === 1));
  const families = 2 ** selecting.reduce((sum, field) => sum + field.bits, 0);
  const cases = Math.max(LEAST_CASES, Math.min(MOST_CASES, CLASS_CASES / families));
  for (let selection = 0; selection < families; selection += 1) {
    const fixed: Record<string, number> = {};
    let rest = selection;
    for (const field of selecting) {
      fixed[field.name] = rest & (2 ** field.bits - 1);
      rest >>>= field.bits;
    }
    const key = selecting.map(({ name }) => `${name}=${fixed[name]?.toString(2)}`).join(' ');
    const records = randomRecords(pattern, cases, { seed: pattern.value ^ selection, fixed, memory, atomic });
    yield { key: key === '' ? 'all' : key, records };
  }
}

/** One by one. */
export const recordsOf = (records: Uint8Array): Uint8Array[] =>
  Array.from({ length: records.length / RECORD.bytes }, (_, i) =>
    records.subarray(i * RECORD.bytes, (i + 1) * RECORD.bytes),
  );

/** FNV-1a of the records' results, or null when all are UNDEFINED. */
export function digestOf(before: Uint8Array, after: readonly Uint8Array[]): string | null {
  let [hash, executed] = [0x811c_9dc5, false];
  const add = (bytes: Uint8Array): void => {
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x0100_0193);
  };
  recordsOf(before).forEach((record, i) => {
    const result = after[i] ?? record;
    if (isDeparture(wordOf(record))) return;
    add(result.subarray(0, RECORD.fpcr));
    if (wordOf(result) === UNDEFINED_SIGNAL) return;
    executed = true;
    add(result.subarray(RECORD.fpsr));
  });
  return executed ? (hash >>> 0).toString(16).padStart(8, '0') : null;
}

export const wordOf = (record: Uint8Array): number =>
  new DataView(record.buffer, record.byteOffset).getUint32(RECORD.word, true);

/**
 * Words for which QEMU 7.2 differs from the Arm ARM. Unallocated halves that end QEMU count as
 * UNDEFINED there.
 */
export const QEMU_DEPARTURES: readonly { readonly mask: number; readonly value: number; readonly why: string }[] = [
  { mask: 0xff7f_cc00, value: 0x5e70_c800, why: 'FMAXNMP, FADDP … of halves are unallocated where size<0> is 1' },
  { mask: 0xbf7f_cc00, value: 0x0e70_c800, why: 'FMAXNMV … of halves are unallocated where size<0> is 1' },
  { mask: 0xbff8_fc00, value: 0x2f00_fc00, why: 'FMOV of a double is unallocated where o2 is 1' },
  { mask: 0xffff_fc00, value: 0x7ef8_f800, why: 'FNEG of a scalar half is unallocated in this class' },
  { mask: 0xfff0_fc00, value: 0x5f10_fc00, why: 'FCVTZS of a scalar half gives 16 bits, QEMU 32' },
];

export const isDeparture = (word: number): boolean =>
  QEMU_DEPARTURES.some(({ mask, value }) => (word & mask) >>> 0 === value >>> 0);
