// SPDX-License-Identifier: GPL-2.0-only
/** Registry of the boards. A new board is a file in this folder, and a line here. */

import { BoardError } from './board-error.ts';
import { pixel6 } from './pixel6.ts';
import { qemuVirt } from './qemu-virt.ts';
import { rpi4 } from './rpi4.ts';
import type { BoardDefinition } from './types.ts';

/** All boards, in the order of lists. */
export const boards: readonly BoardDefinition[] = [qemuVirt, pixel6, rpi4];

/** Board by name. @throws BoardError when there is none; its message names those that exist */
export function findBoard(name: string): BoardDefinition {
  const board = boards.find((candidate) => candidate.name === name);
  if (board === undefined) {
    throw new BoardError(`unknown board "${name}"; known boards: ${boards.map((known) => known.name).join(', ')}`);
  }
  return board;
}
