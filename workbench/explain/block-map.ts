// SPDX-License-Identifier: GPL-2.0-only
/**
 * Physical memory drawn as cells: one character each, in colour where that is shown, a row of cells
 * for each piece of a bank.
 *
 *     0x080000000  .KMMMMMMMMM......RR..
 *
 * A cell shows the largest owner in it that is not free memory; only what is free throughout is
 * drawn as free.
 */

import { size } from '#common/quantities.ts';
import { hex } from '#common/address.ts';
import type { Range as Interval } from '#common/range.ts';
import type { OwnedRange, RangeKind } from './physical-map.ts';
import { onColour, type TerminalStyle } from '#workbench/cli/terminal-style.ts';

/**
 * For each kind: its character, its background in the 256-colour palette, its text in the legend.
 */
export const KIND_MARKS: Readonly<Record<RangeKind, { mark: string; colour: number; legend: string }>> = {
  free: { mark: '.', colour: 151, legend: 'free' },
  unclaimed: { mark: '.', colour: 151, legend: 'not reserved' },
  kernel: { mark: 'K', colour: 25, legend: 'kernel' },
  'device-tree': { mark: 'D', colour: 54, legend: 'device tree' },
  initramfs: { mark: 'I', colour: 125, legend: 'initramfs' },
  mem_map: { mark: 'M', colour: 74, legend: 'mem_map' },
  'kernel-tables': { mark: 'B', colour: 110, legend: 'boot tables of the kernel' },
  heap: { mark: 'H', colour: 215, legend: 'heap' },
  'page-table': { mark: 'T', colour: 228, legend: 'page tables' },
  allocated: { mark: 'A', colour: 208, legend: 'allocated' },
  reserved: { mark: 'R', colour: 88, legend: 'reserved' },
  unused: { mark: '-', colour: 236, legend: 'not used by the kernel' },
  corrupt: { mark: '!', colour: 196, legend: 'corrupt' },
  unknown: { mark: '?', colour: 250, legend: 'touched by the guest' },
  untouched: { mark: '.', colour: 151, legend: 'never touched' },
};

const FREE: readonly RangeKind[] = ['free', 'unclaimed', 'untouched'];
const MOST_ROWS = 16;
const ADDRESS_COLUMNS = 14;
const FEWEST_CELLS = 16;
const MOST_CELLS = 128;
const SMALLEST_CELL = 4096;

/**
 * Draws `ranges` (as physicalMap gives them) in the banks; the last line is the legend. O(ranges +
 * cells).
 */
export function drawBlockMap(
  banks: readonly Interval[],
  ranges: readonly OwnedRange[],
  style: TerminalStyle,
): string[] {
  const room = Math.max(FEWEST_CELLS, style.width - ADDRESS_COLUMNS);
  const columns = Math.min(MOST_CELLS, 2 ** Math.floor(Math.log2(room)));
  const bytes = banks.reduce((sum, { start, end }) => sum + end - start, 0);
  const cellBytes = Math.max(SMALLEST_CELL, 2 ** Math.ceil(Math.log2(bytes / (columns * MOST_ROWS))));
  const rowBytes = cellBytes * columns;
  const lines: string[] = [];
  const used = new Set<RangeKind>();
  let next = 0;
  for (const [index, bank] of banks.entries()) {
    if (index > 0) {
      lines.push(`${' '.repeat(ADDRESS_COLUMNS)}(${size(bank.start - (banks[index - 1]?.end ?? 0))} of nothing)`);
    }
    for (let row = bank.start - (bank.start % rowBytes); row < bank.end; row += rowBytes) {
      let line = hex(row, 10).padEnd(ADDRESS_COLUMNS);
      for (let cell = row; cell < row + rowBytes; cell += cellBytes) {
        while (next < ranges.length && (ranges[next] as OwnedRange).end <= cell) next++;
        const kind = kindIn(ranges, next, Math.max(cell, bank.start), Math.min(cell + cellBytes, bank.end));
        if (kind === null) {
          line += ' ';
          continue;
        }
        used.add(kind);
        line += onColour(style, KIND_MARKS[kind].colour, KIND_MARKS[kind].mark);
      }
      lines.push(line.trimEnd());
    }
  }
  const legend = (Object.keys(KIND_MARKS) as RangeKind[])
    .filter((kind) => used.has(kind))
    .map((kind) => `${onColour(style, KIND_MARKS[kind].colour, KIND_MARKS[kind].mark)} ${KIND_MARKS[kind].legend}`);
  return [...lines, '', `${legend.join('   ')}   (a cell is ${size(cellBytes)})`];
}

/** The kind to draw for [start, end); null outside the bank. `ranges` are read from `first` on. */
function kindIn(ranges: readonly OwnedRange[], first: number, start: number, end: number): RangeKind | null {
  const shares = new Map<RangeKind, number>();
  for (let i = first; i < ranges.length && (ranges[i] as OwnedRange).start < end; i++) {
    const range = ranges[i] as OwnedRange;
    const bytes = Math.min(end, range.end) - Math.max(start, range.start);
    if (bytes > 0) shares.set(range.kind, (shares.get(range.kind) ?? 0) + bytes);
  }
  const largest = (kinds: [RangeKind, number][]): RangeKind | null =>
    kinds.toSorted(([, a], [, b]) => b - a)[0]?.[0] ?? null;
  const all = [...shares];
  return largest(all.filter(([kind]) => !FREE.includes(kind))) ?? largest(all);
}
