// SPDX-License-Identifier: GPL-2.0-only
/** A board's tree as source, for people to edit, is the same tree again. */

import { expect, it } from 'vitest';
import { compileDts } from '#fdt/dts/compile.ts';
import { decompileDts } from '#fdt/dts/decompile.ts';
import { Fdt, readTree, writeFdt } from '#fdt/index.ts';
import { buildDeviceTree } from './device-tree.ts';
import { boards } from './registry.ts';

it.each(boards.map((board) => board))('$name', (board) => {
  const root = buildDeviceTree(board.create({}));
  const blob = writeFdt({ reservations: [], bootCpuid: 0, root });
  const source = decompileDts(Fdt.open(blob));
  expect(source).toContain('compatible = "');
  expect(readTree(Fdt.open(compileDts(source)))).toEqual(readTree(Fdt.open(blob)));
});
