// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { wideComments } from './comment-width.ts';

const text = (width: number) => 'x'.repeat(width);

describe('wideComments', () => {
  it.each([
    ['a line of prose', `// ${text(98)}`, 100],
    ['a one-line docstring', `  /** ${text(95)} */`, 100],
    ['a line of a docstring', ` * ${text(98)}`, 100],
    ['a drawing', ` *     ${text(114)}`, 120],
    ['a table', ` * | ${text(117)}`, 120],
  ])('finds %s that is too wide', (_, line, limit) => {
    expect(wideComments(`\n${line}`)).toEqual([{ line: 2, limit }]);
  });

  it.each([
    ['prose that fits', `// ${text(97)}`],
    ['a drawing that fits', ` *     ${text(113)}`],
    ['code', `const a = '${text(120)}';`],
    ['a private member', `  #${text(120)}`],
  ])('accepts %s', (_, line) => {
    expect(wideComments(line)).toEqual([]);
  });

  it.each([
    ['a comment after code', `\tret\t/* ${text(79)} */`, 100],
    ['a line of prose after a tab', `\t * ${text(90)}`, 100],
    ['a drawing', ` *     ${text(114)}`, 120],
  ])('finds in assembly %s that is too wide', (_, line, limit) => {
    expect(wideComments(line, true)).toEqual([{ line: 1, limit }]);
  });

  it.each([
    ['a comment after code that fits', `\tret\t/* ${text(78)} */`],
    ['prose that fits', `\t * ${text(89)}`],
    ['code', `\t.ascii "${text(120)}"`],
  ])('accepts in assembly %s', (_, line) => {
    expect(wideComments(line, true)).toEqual([]);
  });
});
