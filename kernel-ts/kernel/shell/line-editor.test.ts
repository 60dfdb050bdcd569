// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { physToVirt } from '#kernel-ts/kernel/direct-map.ts';
import { FakeMemory } from '#kernel-ts/kernel/mm/testing/fake-memory.ts';
import { HISTORY_LINES, LINE_BYTES, LINE_EDITOR_BYTES, LineEditor } from './line-editor.ts';

const BASE = physToVirt(physAddr(0x4000_0000));
const UTF8 = new TextEncoder();
const KEYS = [
  'a',
  'b',
  'ü',
  '€',
  '\x7f',
  '\x1b[A',
  '\x1b[B',
  '\x1b[C',
  '\x1b[D',
  '\x1b[3~',
  '\x01',
  '\x05',
  '\x0b',
  '\x15',
  '\n',
];

/** The last row of a screen on which `text` was written. */
function lastRow(text: string): string {
  let [row, column]: [string[], number] = [[], 0];
  for (const character of text) {
    if (character === '\n') [row, column] = [[], 0];
    else if (character === '\b') column--;
    else if (character !== '\x07') row[column++] = character;
  }
  return row.join('').trimEnd();
}

function editor(): { type: (bytes: Iterable<number>) => string[]; shown: () => string; memory: FakeMemory } {
  const memory = new FakeMemory([{ base: 0x4000_0000, size: 8192 }], 0xa5);
  memory.fill(BASE, LINE_EDITOR_BYTES, 0);
  const echoed: number[] = [];
  const line = new LineEditor(memory, BASE, (bytes) => echoed.push(...bytes));
  const type = (bytes: Iterable<number>): string[] => {
    const lines: string[] = [];
    for (const byte of bytes) {
      const typed = line.type(byte);
      if (typed.kind === 'line') lines.push(typed.text);
      if (typed.kind === 'abandoned') lines.push('^C');
    }
    return lines;
  };
  return { type, shown: () => new TextDecoder().decode(Uint8Array.from(echoed)), memory };
}

it.each([
  ['abc\n', ['abc']],
  ['a\r\nb\rc\n\n', ['a', 'b', 'c', '']],
  ['abd\x7fc\n', ['abc']],
  ['\x08\x7fx\n', ['x']],
  ['€ü\x7f\x7fz\n', ['z']],
  ['all of it\x15new\n', ['new']],
  ['half\x03whole\n', ['^C', 'whole']],
  ['a\x1b[1;5Cb\x1b[Ac\x1bNd\x1b[200~e\n', ['abcde']],
  // Cursor keys, and what is typed, erased and ended in the middle.
  ['bd\x1b[Dc\x1b[Ha\x1b[Fe\n', ['abcde']],
  ['bd\x02c\x01a\x05e\x1bOHx\x1bOFy\n', ['xabcdey']],
  ['a€c\x1b[D\x1b[D\x1b[3~b\n', ['abc']],
  ['a€c\x1b[D\x7fb\n', ['abc']],
  ['axbc\x01\x06\x04\n', ['abc']],
  ['abcdef\x1b[D\x1b[D\x1b[D\x0b\n', ['abc']],
  ['ab\x1b[D€\x1b[D\x1b[Dü\n', ['üa€b']],
  // Earlier lines.
  ['one\ntwo\nthr\x1b[A\x1b[A\x1b[A\n\x1b[A\n', ['one', 'two', 'one', 'one']],
  ['one\ntwo\nthr\x10\x10\x0e\x0eee\x0e\n', ['one', 'two', 'three']],
  ['one\n\n  \none\n\x1b[A\x1b[A!\n', ['one', '', '  ', 'one', 'one!']],
  ['one\n\x1b[A\x7fce\x03\x1b[A\n', ['one', '^C', 'one']],
  ['a\x00\x0f\tb\n', ['ab']],
  ['\x1b[\nps\n\x1b[1;\x03ps\n', ['', 'ps', '^C', 'ps']],
  ['a\x1b\rb\x1b\x1b[Zc\n', ['a', 'bc']],
])('%j becomes %j', (typed, lines) => {
  expect(editor().type(UTF8.encode(typed))).toEqual(lines);
});

it('shows what is typed, and takes erased characters off the screen one by one', () => {
  const { type, shown } = editor();
  type(UTF8.encode('aü\x7fb\n'));
  expect(shown()).toBe('aü\b \bb\n');
});

it('remembers so many lines and no more', () => {
  const lines = Array.from({ length: HISTORY_LINES + 3 }, (_, n) => `line ${n}`);
  const { type } = editor();
  type(UTF8.encode(`${lines.join('\n')}\n`));
  expect(type(UTF8.encode(`${'\x1b[A'.repeat(2 * HISTORY_LINES)}\n`))).toEqual(['line 3']);
});

it('shows on a screen what it has', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...KEYS), { maxLength: 40 }), (keys) => {
      const { type, shown } = editor();
      type(UTF8.encode(keys.join('')));
      const before = lastRow(shown());
      const [line] = type(UTF8.encode('\n'));
      expect(before).toBe(line);
    }),
  );
});

it('never leaves its memory, whatever is typed', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 3 * LINE_BYTES }), (bytes) => {
      const { type, memory } = editor();
      type(bytes);
      expect(memory.read32(BASE)).toBeLessThanOrEqual(LINE_BYTES);
      expect(memory.read8(virtAddr(BASE + BigInt(LINE_EDITOR_BYTES)))).toBe(0xa5);
    }),
  );
});
