// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { readStressLine, StressComparison } from './compare.ts';

describe('readStressLine', () => {
  it.each([
    ['= 3 python digest 12', { round: 3, part: 'python', result: 'digest 12' }],
    ['= 0 end', { round: 0, part: 'end', result: '' }],
  ])('reads %s', (line, expected) => {
    expect(readStressLine(line)).toEqual(expected);
  });

  it.each(['# 12.5', '[    1.2] = 1 part x', '=1 part x', 'text = 1 part x'])('takes %s for something else', (line) => {
    expect(readStressLine(line)).toBeNull();
  });
});

describe('StressComparison', () => {
  const line = (text: string) => readStressLine(text) ?? expect.unreachable(text);
  const compare = (ours: readonly string[], reference: readonly string[]) => {
    const one = new StressComparison('ours', 'QEMU');
    for (const text of ours) one.add(0, line(text));
    for (const text of reference) one.add(1, line(text));
    const other = new StressComparison('ours', 'QEMU');
    for (const text of reference) other.add(1, line(text));
    for (const text of ours) other.add(0, line(text));
    expect(other.difference === null).toBe(one.difference === null);
    return one.difference;
  };

  it('finds nothing while all is the same, however far either is', () => {
    expect(compare(['= 1 a x', '= 1 b y', '= 2 a z'], ['= 1 a x'])).toBeNull();
    expect(compare([], ['= 1 a x'])).toBeNull();
  });

  it.each([
    [
      'another result',
      ['= 1 a x', '= 1 b y'],
      ['= 1 a x', '= 1 b z'],
      /round 1, part b:\n {2}ours: = 1 b y\n {2}QEMU: = 1 b z/,
    ],
    ['another part', ['= 1 b x'], ['= 1 a x'], /ours: = 1 b x\n {2}QEMU: = 1 a x/],
    ['another round', ['= 2 a x'], ['= 1 a x'], /round/],
    ['no result', ['= 1 a'], ['= 1 a x'], /ours: = 1 a \n/],
  ])('finds %s', (_, ours, reference, message) => {
    expect(compare(ours, reference)).toMatch(message);
  });

  it.each(['WRONG at code.c:72', 'Segmentation fault (status 139)', 'differs | files 48'])(
    'takes no result that says %s, even where both say it',
    (result) => {
      expect(compare([`= 1 a ${result}`], [`= 1 a ${result}`])).toContain(`says: ${result}`);
    },
  );
});
