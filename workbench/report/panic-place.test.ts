// SPDX-License-Identifier: GPL-2.0-only
import { expect, it } from 'vitest';
import { placesNamed } from './panic-place.ts';

it.each<[string, number[]]>([
  ['PANIC: No RAM regions found in DTB', []],
  ['frame 0xfd906000, the first at 0xfd906123, where the word is 0x5942', [0xfd90_6000, 0xfd90_6123]],
  // A syndrome looks like an address of RAM on some boards.
  [
    'translation fault; ESR_EL1 0x96000007, FAR_EL1 0xffff800090200000, ELR_EL1 0xffff800080080123',
    [0x9020_0000, 0x8008_0123],
  ],
  ['FAR_EL1 0x7fffffffffffffff', []],
])('places that "%s" names', (text, places) => {
  expect(placesNamed(text)).toEqual(places);
});
