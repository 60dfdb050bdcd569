// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blankNonCode, scanSource } from './scan-source.ts';

function specifiersOf(text: string): string[] {
  return scanSource(text).imports.map(({ specifier }) => specifier);
}

describe('scanSource', () => {
  it.each([
    ["import { a } from './a.ts';"],
    ["import type { A } from './a.ts';"],
    ["import d, * as n from './a.ts';"],
    ["import { type A,\n  b as c,\n} from './a.ts';"],
    ["export { a } from './a.ts';"],
    ["export * from './a.ts';"],
    ["export type * as n from './a.ts';"],
    ["import './a.ts';"],
    ["const a = await import('./a.ts');"],
    ["let a: import('./a.ts').A;"],
    ["const a = require('./a.ts');"],
    ["const a = import.meta.resolve('./a.ts');"],
    ['import { a } from "./a.ts"'],
    ['const a = await import(`./a.ts`);'],
    ['/// <reference path="./a.ts" />'],
    ["const t = `x${await import('./a.ts')}y`;"],
  ])('finds the import of %j', (text) => {
    expect(specifiersOf(text)).toEqual(['./a.ts']);
  });

  it.each([
    ["// import { a } from './a.ts';"],
    ["/* import './a.ts' */"],
    ['const t = "import \'./a.ts\'";'],
    ["const t = `import './a.ts'`;"],
    ["const r = /import '.*'/;"],
    ["export const a = Array.from('./a.ts');"],
    ["const important = f('./a.ts');"],
    ["this.#require('./a.ts', 1);"],
    ["this.#import('./a.ts');"],
    ['#require(offset: number): void {}'],
    ["$require('./a.ts'); $import(name);"],
  ])('finds no import in %j', (text) => {
    expect(specifiersOf(text)).toEqual([]);
  });

  it('reports an import whose module is computed', () => {
    expect(specifiersOf('await import(name);')).toEqual(['(computed)']);
    expect(specifiersOf('module.require(name);')).toEqual(['(computed)']);
  });

  it('counts lines from 1, after comments and templates of several lines', () => {
    const text = "/*\n*/\nconst t = `\n${1}\n`;\nimport { a } from './a.ts';\n";
    expect(scanSource(text).imports).toEqual([{ specifier: './a.ts', line: 6 }]);
  });
});

describe('blankNonCode', () => {
  it('tells a division from a regular expression', () => {
    expect(blankNonCode("a / b; f(x) / 'y'; return /'/.test(z);")).toBe("a / b; f(x) / ' '; return / /.test(z);");
  });

  it('keeps the code inside nested templates', () => {
    expect(blankNonCode('`a${ { b: `c${d}e` } }f` + g')).toBe('` ${ { b: ` ${d} ` } } ` + g');
  });

  it('keeps length and line breaks of any text, also of one that is no program', () => {
    const piece = fc.constantFrom(
      "'",
      '"',
      '`',
      '/',
      '*',
      '//',
      '/*',
      '*/',
      '${',
      '{',
      '}',
      '\\',
      '\n',
      'a',
      ' ',
      '(',
      ')',
      '[',
      ']',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const text = pieces.join('');
        const code = blankNonCode(text);
        expect(code).toHaveLength(text.length);
        expect(code.replace(/[^\n]/g, '')).toBe(text.replace(/[^\n]/g, ''));
      }),
    );
  });
});
