// SPDX-License-Identifier: GPL-2.0-only
/**
 * `npm run board-trees`: boots the modelled kernel with the device tree of every board that
 * Debian's arm64 kernel supports, on each of the emulator's boards, with and without what a boot
 * loader adds, and says how the boots ended. A tree of another board is the hardest realistic
 * input: its RAM is elsewhere, its devices do not exist, and every vendor writes trees differently.
 */

import { readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { boards } from '#boards/registry.ts';
import { fetchBoardTrees, treeFiles } from './board-trees/tree-files.ts';
import { type TreeEnd, tryTree } from './board-trees/try-tree.ts';
import { commandMain } from '#workbench/cli/command.ts';
import { oneOf, value, valueOr } from '#workbench/cli/option-table.ts';
import { parseCount, wholeNumber } from '#workbench/cli/quantities.ts';
import { InputError } from '#workbench/input-error.ts';

const BOARD_NAMES = boards.map(({ name }) => name);
const FIXUPS = ['none', 'loader'] as const;

/** The number of boots with one kind of end, and the first of them. */
interface Tally {
  count: number;
  readonly explained: boolean;
  readonly example: string;
}

const PROGRESS_EVERY = 50;

export const main = commandMain({
  name: 'board-trees',
  summary:
    "Boots the modelled kernel with every *.dtb below FOLDER; without FOLDER, with those of Debian's arm64 kernel, fetched once. The summary goes to stdout, progress to stderr.",
  usage: '[options] [FOLDER]',
  operands: ['[folder]', 'where *.dtb files lie'],
  options: {
    board: value('<name>', 'on this board only', oneOf(BOARD_NAMES)),
    fixups: value('<none|loader>', 'this way only', oneOf(FIXUPS)),
    every: valueOr('<n>', 1, 'each Nth tree only', parseCount),
    from: valueOr('<n>', 0, 'the first tree, counted from 0', wholeNumber(0, 1_000_000)),
  },
  examples: [['npm run board-trees -- --every 10'], ['npm run board-trees -- --board pixel6 --fixups none my-trees']],
  statuses: {
    0: 'each boot reached its steady state or panicked with a reason',
    1: 'one did not',
    2: 'usage, or trees that cannot be had',
  },
  run({ options: { board, fixups, every, from }, words: [folder = fetchBoardTrees()] }) {
    if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw new InputError(`${folder}: no such folder`);
    const files = treeFiles(folder).filter((_, index) => index >= from && (index - from) % every === 0);
    let unexplained = 0;
    for (const name of board === undefined ? BOARD_NAMES : [board]) {
      for (const kind of fixups === undefined ? FIXUPS : [fixups]) {
        const title = `${name}, fixups ${kind}`;
        const tallies = new Map<string, Tally>();
        for (const [index, file] of files.entries()) {
          const end = tryTree(new Uint8Array(readFileSync(file)), { board: name, fixups: kind });
          count(tallies, end, relative(folder, file));
          if (!end.explained) unexplained++;
          if ((index + 1) % PROGRESS_EVERY === 0) process.stderr.write(`${title}: ${index + 1} of ${files.length}\n`);
        }
        report(title, files.length, tallies);
      }
    }
    process.stdout.write(unexplained === 0 ? 'every end is explained\n' : `${unexplained} ends are not explained\n`);
    return unexplained === 0 ? 0 : 1;
  },
});

function count(tallies: Map<string, Tally>, { kind, detail, explained }: TreeEnd, file: string): void {
  const tally = tallies.get(kind);
  if (tally === undefined) tallies.set(kind, { count: 1, explained, example: `${file}: ${detail}` });
  else tally.count++;
}

function report(title: string, total: number, tallies: ReadonlyMap<string, Tally>): void {
  process.stdout.write(`\n${title}: ${total} trees\n`);
  for (const [kind, tally] of [...tallies].toSorted(([, a], [, b]) => b.count - a.count)) {
    process.stdout.write(`${String(tally.count).padStart(6)}  ${tally.explained ? ' ' : '!'} ${kind}\n`);
    process.stdout.write(`          ${tally.example}\n`);
  }
}
