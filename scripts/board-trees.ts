/**
 * `npm run board-trees`: boots the modelled kernel with the device tree of every board that
 * Debian's arm64 kernel supports, on each of the emulator's boards, with and without what a boot
 * loader adds, and says how the boots ended. A tree of another board is the hardest honest input
 * there is: its RAM is elsewhere, its devices are not there, and every vendor writes it otherwise.
 *
 * Exit status 0 when each boot reached its steady state or panicked with a reason; 1 when one did
 * not; 2 for a wrong argument or trees that cannot be had.
 */

import { readFileSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { parseArgs } from 'node:util';
import { boards } from '#boards/registry.ts';
import { fetchBoardTrees, treeFiles } from './board-trees/tree-files.ts';
import { type TreeEnd, tryTree } from './board-trees/try-tree.ts';
import type { Fixups } from '#workbench/machine/device-tree-source.ts';
import { DebianPackageError } from '#workbench/engine-library/debian-packages.ts';

const USAGE = `usage: npm run board-trees [-- OPTIONS] [FOLDER]
  Boots the modelled kernel with every *.dtb below FOLDER; without FOLDER, with those of Debian's arm64 kernel, fetched once.
  --board NAME       on this board only
  --fixups KIND      none or loader: this way only
  --every N          each Nth tree only
  --from N           the first tree, counted from 0
`;

interface Options {
  readonly folder: string | null;
  readonly boards: readonly string[];
  readonly fixups: readonly Fixups[];
  readonly every: number;
  readonly from: number;
}

/** How many boots ended in one way, and the first of them. */
interface Tally {
  count: number;
  readonly explained: boolean;
  readonly example: string;
}

const PROGRESS_EVERY = 50;

/** Prints the summary on stdout, progress on stderr; returns the exit status. */
export function main(args: readonly string[]): number {
  const options = readOptions(args);
  if (options === null) {
    process.stdout.write(USAGE);
    return 0;
  }
  if (typeof options === 'string') {
    process.stderr.write(`${options}${USAGE}`);
    return 2;
  }
  let folder: string;
  try {
    folder = options.folder ?? fetchBoardTrees();
    statSync(folder);
  } catch (error) {
    if (!(error instanceof DebianPackageError) && (error as NodeJS.ErrnoException).code === undefined) throw error;
    process.stderr.write(`${(error as Error).message}\n`);
    return 2;
  }
  const files = treeFiles(folder).filter(
    (_, index) => index >= options.from && (index - options.from) % options.every === 0,
  );
  let unexplained = 0;
  for (const board of options.boards) {
    for (const fixups of options.fixups) {
      const title = `${board}, fixups ${fixups}`;
      const tallies = new Map<string, Tally>();
      for (const [index, file] of files.entries()) {
        const end = tryTree(new Uint8Array(readFileSync(file)), { board, fixups });
        count(tallies, end, relative(folder, file));
        if (!end.explained) unexplained++;
        if ((index + 1) % PROGRESS_EVERY === 0) process.stderr.write(`${title}: ${index + 1} of ${files.length}\n`);
      }
      report(title, files.length, tallies);
    }
  }
  process.stdout.write(`${unexplained === 0 ? 'every end is explained' : `${unexplained} ends are not explained`}\n`);
  return unexplained === 0 ? 0 : 1;
}

/** Null when only the usage is asked for; a string says what is wrong. */
function readOptions(args: readonly string[]): Options | string | null {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        board: { type: 'string' },
        fixups: { type: 'string' },
        every: { type: 'string' },
        from: { type: 'string' },
        help: { type: 'boolean' },
      },
    });
    if (values.help === true) return null;
    const names = boards.map(({ name }) => name);
    if (values.board !== undefined && !names.includes(values.board)) return `--board: one of ${names.join(', ')}\n`;
    const { fixups } = values;
    if (fixups !== undefined && fixups !== 'none' && fixups !== 'loader') return '--fixups: none or loader\n';
    const every = Number(values.every ?? 1);
    const from = Number(values.from ?? 0);
    if (!Number.isInteger(every) || every < 1) return '--every: a whole number from 1\n';
    if (!Number.isInteger(from) || from < 0) return '--from: a whole number from 0\n';
    return {
      folder: positionals[0] ?? null,
      boards: values.board === undefined ? names : [values.board],
      fixups: fixups === undefined ? ['none', 'loader'] : [fixups],
      every,
      from,
    };
  } catch (error) {
    return `${(error as Error).message}\n`;
  }
}

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
