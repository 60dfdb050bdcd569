// SPDX-License-Identifier: GPL-2.0-only
/**
 * SIMD and FP instructions that are WebAssembly code do what their helpers do, which are exact in
 * every case: with operands whose results are just exact, or just not, and with IXC set or clear.
 */

import { describe, expect, it } from 'vitest';
import { FP_CODE } from '#emulator/a64/instructions/fp-code.ts';
import { SIMD_CODE } from '#emulator/a64/instructions/simd-code.ts';
import { Random, randomRecords, RECORD } from '#scripts/simd-fixtures/cases.ts';
import { recordsOf } from '#scripts/simd-fixtures/families.ts';
import { RecordRunner } from './support/record-runner.ts';

const CASES = 1500;
const IXC = 1 << 4;
const runner = new RecordRunner();

/** A number with a significand of random length, and an exponent near that of 1. */
function shortNumber(random: Random, double: boolean): bigint {
  const [fraction, bias, size] = double ? [52, 1023, 64] : [23, 127, 32];
  const zeros = BigInt(random.below(fraction + 1));
  const significand = (random.bits(fraction) >> zeros) << zeros;
  const far = random.below(8) === 0;
  const exponent = BigInt(far ? random.below(2 * bias) : bias - 20 + random.below(60));
  return (BigInt(random.below(2)) << BigInt(size - 1)) | (exponent << BigInt(fraction)) | significand;
}

/** Most records round to nearest and have such numbers in all registers. */
function prepared(record: Uint8Array, random: Random): Uint8Array {
  const view = new DataView(record.buffer, record.byteOffset, record.length);
  if (random.below(8) !== 0) view.setUint32(RECORD.fpcr, 0, true);
  view.setUint32(RECORD.fpsr, random.below(2) * IXC, true);
  if (random.below(4) === 0) return record;
  const double = (view.getUint32(RECORD.word, true) & (1 << 22)) !== 0;
  for (let i = 0; i < 32; i += 1) view.setBigUint64(RECORD.v + 16 * i, shortNumber(random, double), true);
  return record;
}

describe('code and helper', () => {
  it.each([...FP_CODE, ...SIMD_CODE].map((row) => [row.name, row] as const))('%s', (_name, { pattern, where }) => {
    const random = new Random(pattern.value);
    let compared = 0;
    for (const record of recordsOf(randomRecords(pattern, CASES, { seed: pattern.value }))) {
      const word = new DataView(record.buffer, record.byteOffset).getUint32(RECORD.word, true);
      const fields = Object.fromEntries(
        pattern.fields.map(({ name, low, bits }) => [name, (word >>> low) & (2 ** bits - 1)]),
      );
      if (where !== null && !where(fields)) continue;
      compared += 1;
      const before = prepared(record, random);
      const [got, wanted] = [runner.run(before), runner.runHelper(before)];
      if (Buffer.compare(got, wanted) === 0) continue;
      expect(`${word.toString(16)}: ${describeRecord(got)}`).toBe(
        `${word.toString(16)}: ${describeRecord(wanted)} from ${describeRecord(before)}`,
      );
    }
    expect(compared).toBeGreaterThan(CASES / 30);
  });
});

/** The relevant flags and registers, as text. */
function describeRecord(record: Uint8Array): string {
  return Buffer.from(record.subarray(RECORD.fpsr, RECORD.memory)).toString('hex');
}
