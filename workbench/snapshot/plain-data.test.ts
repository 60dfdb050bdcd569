// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SavedState } from '#emulator/bus/saved-state.ts';
import { decodePlainData, encodePlainData } from './plain-data.ts';

const { data } = fc.letrec<{ data: SavedState }>((tie) => ({
  data: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, Infinity, ''),
    fc.integer(),
    fc.bigInt(),
    fc.string(),
    fc.uint8Array(),
    fc.array(tie('data')),
    fc.dictionary(fc.stringMatching(/^[a-z]+$/), tie('data')),
  ),
}));

describe('plain data', () => {
  it('is the same again after it was text and blocks', () => {
    fc.assert(
      fc.property(data, (before) => {
        const { text, blocks } = encodePlainData(before);
        expect(decodePlainData(JSON.parse(text) as SavedState, blocks)).toEqual(before);
      }),
    );
  });

  it('is refused when a block is missing', () => {
    const { text } = encodePlainData([Uint8Array.of(1)]);
    expect(() => decodePlainData(JSON.parse(text) as SavedState, [])).toThrow(RangeError);
  });
});
