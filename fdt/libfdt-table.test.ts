// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { FDT_ERRORS, FdtError } from './errors.ts';
import { Fdt } from './fdt.ts';
import { ALIGNMENT_CASES, HEADER_CASES, type LibfdtCase, STRUCTURE_CASES } from './testing/libfdt-cases.ts';

function answer(bytes: Uint8Array): { readonly answer: string; readonly offset?: number } {
  try {
    Fdt.open(bytes);
    return { answer: 'accepted' };
  } catch (error) {
    if (!(error instanceof FdtError)) throw error;
    expect(error.message).toMatch(new RegExp(`^${error.code} at offset 0x${error.offset.toString(16)}: .`));
    return { answer: error.code, offset: error.offset };
  }
}

const expected = ({ answer, offset }: LibfdtCase) => (offset === undefined ? { answer } : { answer, offset });

describe('Fdt.open answers as fdt_check_full', () => {
  it.each(HEADER_CASES)('header: $name → $answer', (row) => {
    expect(answer(row.blob)).toEqual(expected(row));
  });

  it.each(ALIGNMENT_CASES)('alignment: $name → $answer', (row) => {
    expect(answer(row.blob)).toEqual(expected(row));
  });

  it.each(STRUCTURE_CASES)('structure: $name → $answer', (row) => {
    expect(answer(row.blob)).toEqual(expected(row));
  });

  it('covers every error that opening can give', () => {
    const seen = [...HEADER_CASES, ...ALIGNMENT_CASES, ...STRUCTURE_CASES].map((row) => row.answer);
    expect(new Set(seen)).toEqual(
      new Set([
        'accepted',
        'FDT_ERR_TRUNCATED',
        'FDT_ERR_BADMAGIC',
        'FDT_ERR_BADVERSION',
        'FDT_ERR_ALIGNMENT',
        'FDT_ERR_BADSTRUCTURE',
        'FDT_ERR_BADOFFSET',
      ]),
    );
  });

  it('reads a blob that is a window into a larger buffer', () => {
    const good = HEADER_CASES.find((row) => row.name === 'the smallest tree')?.blob ?? new Uint8Array();
    const larger = new Uint8Array(good.length + 11).fill(0xee);
    larger.set(good, 3);
    expect(Fdt.open(larger.subarray(3)).root.path).toBe('/');
  });
});

describe('FDT_ERRORS', () => {
  it('numbers the errors 1 to 19 without a gap', () => {
    expect(Object.values(FDT_ERRORS)).toEqual(Array.from({ length: 19 }, (_, i) => i + 1));
  });
});
