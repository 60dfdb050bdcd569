// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { findBoard } from '#boards/registry.ts';
import { stringListValue, writeFdt } from '#fdt/index.ts';
import { chooseVendorTree } from './vendor-tree.ts';

const pixel6 = findBoard('pixel6').create({});
const treeFor = (...compatible: readonly string[]): Uint8Array =>
  writeFdt({
    root: { name: '', properties: [{ name: 'compatible', value: stringListValue(...compatible) }], children: [] },
    reservations: [],
    bootCpuid: 0,
  });
const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]));

describe('chooseVendorTree', () => {
  const other = treeFor('google,gs201');
  const own = treeFor('google,gs101-slider', 'google,gs101');

  it('takes the first tree that is for the board, wherever it stands', () => {
    expect(chooseVendorTree(joined(other, new Uint8Array(8), own, own), pixel6)).toEqual({ tree: own, unused: null });
  });

  it.each([
    ['a tree of another board', other, /for "google,gs201", not for "google,gs101-oriole" or "google,gs101"/],
    ['no tree at all', new Uint8Array(77), /its 77 bytes of device trees hold none/],
    ['a tree that is cut short', own.subarray(0, 60), /cannot be read/],
  ])('says why %s is not used', (_what, section, why) => {
    const { tree, unused } = chooseVendorTree(section, pixel6);
    expect(tree).toBeNull();
    expect(unused).toMatch(why);
  });

  it('has nothing to say where there is no section', () => {
    expect(chooseVendorTree(null, pixel6)).toEqual({ tree: null, unused: null });
  });
});
