// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { physAddr, virtAddr } from '#common/address.ts';
import { physToVirt } from '#kernel-ts/kernel/mm/direct-map.ts';
import { FakeMemory } from '#kernel-ts/kernel/mm/testing/fake-memory.ts';
import { LINE_BYTES, LINE_EDITOR_BYTES, LineEditor } from './line-editor.ts';

const BASE = physToVirt(physAddr(0x4000_0000));
const UTF8 = new TextEncoder();

function editor(): { type: (bytes: Iterable<number>) => string[]; shown: () => string; memory: FakeMemory } {
  const memory = new FakeMemory([{ base: 0x4000_0000, size: 4096 }], 0xa5);
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
  ['a\x1b[1;5Cb\x1b[Ac\x1bOd\n', ['abcd']],
  ['a\x00\x01\tb\n', ['ab']],
  ['\x1b[\nps\n\x1b[1;\x03ps\n', ['', 'ps', '^C', 'ps']],
  ['a\x1b\rb\x1b\x1b[Ac\n', ['a', 'bc']],
])('%j becomes %j', (typed, lines) => {
  expect(editor().type(UTF8.encode(typed))).toEqual(lines);
});

it('shows what is typed, and takes erased characters off the screen one by one', () => {
  const { type, shown } = editor();
  type(UTF8.encode('aü\x7fb\n'));
  expect(shown()).toBe('aü\b \bb\n');
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
