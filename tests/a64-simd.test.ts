// SPDX-License-Identifier: GPL-2.0-only
/**
 * SIMD and FP instructions give the same results on the own core as on QEMU: every family of every
 * encoding class, with corner values, in all modes of FPCR.
 *
 * QEMU's results are known by digests (scripts/simd-fixtures.ts). Where QEMU is installed, a family
 * that differs is executed there again, and the first case that differs is shown.
 */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { RECORD } from '#scripts/simd-fixtures/cases.ts';
import {
  CLASSES,
  digestOf,
  DIGESTS,
  type Family,
  familiesOf,
  isDeparture,
  recordsOf,
  wordOf,
} from '#scripts/simd-fixtures/families.ts';
import { withQemu } from '#scripts/simd-fixtures/qemu.ts';
import { RecordRunner } from './support/record-runner.ts';

/** Digests by class and family; a family that is not there is UNDEFINED. */
function readDigests(): Map<string, Map<string, string>> {
  const classes = new Map<string, Map<string, string>>();
  let current = new Map<string, string>();
  for (const line of readFileSync(DIGESTS, 'utf8').trim().split('\n')) {
    if (line.startsWith('# ')) {
      current = new Map();
      classes.set(line.slice(2), current);
      continue;
    }
    const at = line.lastIndexOf(' ');
    current.set(line.slice(0, at), line.slice(at + 1));
  }
  return classes;
}

const digests = readDigests();
const runner = new RecordRunner();
/** Cases of an UNDEFINED family: that does not depend on operands. */
const UNDEFINED_CASES = 2;

const REGISTERS = [
  ...Array.from({ length: 16 }, (_, i) => [`x${i}`, RECORD.x + 8 * i, 8] as const),
  ...Array.from({ length: 32 }, (_, i) => [`v${i}`, RECORD.v + 16 * i, 16] as const),
  ['fpsr', RECORD.fpsr, 4] as const,
  ['nzcv', RECORD.nzcv, 4] as const,
];

const hex = (record: Uint8Array, at: number, bytes: number): string =>
  Buffer.from(record.subarray(at, at + bytes))
    .reverse()
    .toString('hex');

/** The first case of a family that QEMU executes in another way, as text. */
function firstDifference({ records }: Family): string {
  const after = withQemu((oracle) => oracle?.(records, records.length) ?? null);
  if (after === null) return 'install qemu-user and the GNU cross binutils for aarch64 to see the case';
  for (const [i, wanted] of recordsOf(after).entries()) {
    const before = records.subarray(i * RECORD.bytes, (i + 1) * RECORD.bytes);
    const got = runner.run(before);
    const differing = REGISTERS.filter(([, at, bytes]) => hex(wanted, at, bytes) !== hex(got, at, bytes));
    if (isDeparture(wordOf(before)) || (wordOf(wanted) === wordOf(got) && differing.length === 0)) continue;
    const operands = [0, 5, 16].map((low) => {
      const index = (wordOf(before) >>> low) & 31;
      return `before: v${index} ${hex(before, RECORD.v + 16 * index, 16)}`;
    });
    const results = differing.map(
      ([name, at, bytes]) => `after: ${name} ${hex(wanted, at, bytes)} on QEMU, ${hex(got, at, bytes)} here`,
    );
    const signals = `signal ${wordOf(wanted)} on QEMU, ${wordOf(got)} here`;
    const word = `word ${wordOf(before).toString(16)}, FPCR ${hex(before, RECORD.fpcr, 4)}: ${signals}`;
    return [word, ...operands, ...results].join('\n');
  }
  return 'the digest is not what QEMU does here: write the digests anew';
}

describe('SIMD and FP instructions, compared with QEMU', () => {
  it('are of the classes that the digests were made for', () => {
    expect([...digests.keys()]).toEqual(CLASSES.map(({ name }) => name));
  });

  it.each(CLASSES.map((one) => [one.name, one] as const))('%s', (name, encodingClass) => {
    const wanted = digests.get(name) ?? new Map<string, string>();
    const different: string[] = [];
    for (const family of familiesOf(encodingClass)) {
      const { key, records } = family;
      const chosen = wanted.has(key) ? records : records.subarray(0, UNDEFINED_CASES * RECORD.bytes);
      const after = recordsOf(chosen).map((record) => runner.run(record));
      if (digestOf(chosen, after) === (wanted.get(key) ?? null)) continue;
      different.push(different.length === 0 ? `${key}\n${firstDifference(family)}` : key);
    }
    expect(different.join('\n')).toBe('');
  });
});
