// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReverseWrap } from './reverse-wrap.ts';

const WIDTH = 10;
const shown = (text: string, width: number | undefined = WIDTH): string =>
  Buffer.from(new ReverseWrap(() => width).translate(Buffer.from(text))).toString();

/** Cursor of a terminal of WIDTH columns without reverse wraparound, after `text`. */
function cursorAfter(text: string): { row: number; column: number } {
  let [row, column] = [0, 0];
  for (const [piece] of text.replaceAll('\x1b[', '^').matchAll(/\^\d*[AG]|[^]/g)) {
    if (piece === '^A') row--;
    else if (piece.startsWith('^')) column = Number(piece.slice(1, -1)) - 1;
    else if (piece === '\b') column = Math.max(0, Math.min(column, WIDTH - 1) - 1);
    else {
      // The character after the last column wraps.
      if (column === WIDTH) [row, column] = [row + 1, 0];
      column++;
    }
  }
  return { row, column };
}

describe('ReverseWrap', () => {
  it('leaves the cursor where a line without an edge has it', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom('x', '\b'), fc.integer({ min: 1, max: 25 })), { maxLength: 20 });
    fc.assert(
      fc.property(steps, (moves) => {
        const text = moves.map(([what, times]) => what.repeat(times)).join('');
        const place = Array.from(text).reduce((at, what) => (what === 'x' ? at + 1 : Math.max(0, at - 1)), 0);
        const { row, column } = cursorAfter(shown(text));
        expect(row * WIDTH + column, JSON.stringify(text)).toBe(place);
      }),
    );
  });

  it.each<[string, string, string, number?]>([
    ['a line that fits', 'abc\b\bx', 'abc\b\bx'],
    ['the last column', 'a'.repeat(10) + '\b', 'a'.repeat(10) + '\x1b[10G'],
    ['the row before', 'a'.repeat(11) + '\b\b', 'a'.repeat(11) + '\b\x1b[A\x1b[10G'],
    ['a new line', 'a'.repeat(11) + '\n\b', 'a'.repeat(11) + '\n\b'],
    ['the beginning of a line', 'a\b\b', 'a\b\b'],
    ['characters of several bytes', 'ä'.repeat(11) + '\b\b', 'ä'.repeat(11) + '\b\x1b[A\x1b[10G'],
    ['a guest with sequences of its own', '\x1b[1m' + 'a'.repeat(11) + '\b\b', '\x1b[1m' + 'a'.repeat(11) + '\b\b'],
    ['a terminal that says no width', 'a'.repeat(11) + '\b\b', 'a'.repeat(11) + '\b\b', 0],
  ])('of %s', (_, text, expected, width) => {
    expect(shown(text, width)).toBe(expected);
  });

  it('waits for the next line when the terminal has got another width', () => {
    let width = WIDTH;
    const wrap = new ReverseWrap(() => width);
    wrap.translate(Buffer.from('a'.repeat(11)));
    width = 20;
    const after = (text: string): string => Buffer.from(wrap.translate(Buffer.from(text))).toString();
    expect(after('\b\b')).toBe('\b\b');
    expect(after(`\n${'a'.repeat(21)}\b\b`)).toBe(`\n${'a'.repeat(21)}\b\x1b[A\x1b[20G`);
  });
});
