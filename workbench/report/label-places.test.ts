// SPDX-License-Identifier: GPL-2.0-only
import { expect, it } from 'vitest';
import { apart } from './page/label-places.ts';

it.each([
  ['apart as they are', [0, 50, 90], [0, 50, 90]],
  ['at one place', [10, 10, 10], [10, 21, 32]],
  ['close to the bottom', [30, 95, 98, 99], [30, 78, 89, 100]],
  ['none', [], []],
])('puts names apart and above the bottom: %s', (_case, wanted, places) => {
  expect(apart(wanted, 11, 100)).toEqual(places);
});
