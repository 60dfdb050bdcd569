// SPDX-License-Identifier: GPL-2.0-only
/**
 * The place of a frame on the map. Memory is written like text, in rows from left to right; each
 * bank starts a new row.
 *
 * ```
 *   bank at 0x80000000
 *     0x80000000  ████████████████████████████    one row: `rowFrames` frames
 *     0xa0000000  ████████████████████████████
 *   bank at 0x880000000
 *     0x880000000 ████████████████████████████
 * ```
 */

import { alignDown } from '#common/address.ts';
import type { FrameSpan } from './memory-state.ts';

/** One row. `start` is aligned to the row's length, so it may lie before the bank. */
export interface MapRow extends FrameSpan {
  readonly bank: number;
  readonly opensBank: boolean;
}

/** Rows of the whole map, and rows in view when it is enlarged. */
const WHOLE_ROWS = 20;
export const VIEW_ROWS = 20;
/** Frames in the shortest row: 256 KiB. */
const FEWEST_FRAMES = 64;

/** Rows of `rowFrames` frames (a power of two) over the banks. */
export class MapLayout {
  readonly rowFrames: number;
  readonly rowCount: number;
  private readonly banks: readonly FrameSpan[];
  private readonly rowsOfBank: readonly number[];

  constructor(banks: readonly FrameSpan[], rowFrames: number) {
    this.banks = banks;
    this.rowFrames = rowFrames;
    this.rowsOfBank = banks.map((bank) => rowsOf(bank, rowFrames));
    this.rowCount = this.rowsOfBank.reduce((sum, rows) => sum + rows, 0);
  }

  /** Row `index`, null when there is none. O(banks). */
  row(index: number): MapRow | null {
    let left = index;
    for (const [bank, rows] of this.rowsOfBank.entries()) {
      if (left < rows) {
        const start = alignDown((this.banks[bank] as FrameSpan).start, this.rowFrames) + left * this.rowFrames;
        return index < 0 ? null : { start, end: start + this.rowFrames, bank, opensBank: left === 0 };
      }
      left -= rows;
    }
    return null;
  }

  /** Index of the row of frame `pfn`, or of the next one when it lies outside RAM. O(banks). */
  rowOf(pfn: number): number {
    let before = 0;
    for (const [bank, span] of this.banks.entries()) {
      if (pfn < span.end) {
        const first = alignDown(span.start, this.rowFrames);
        return before + Math.max(0, Math.floor((pfn - first) / this.rowFrames));
      }
      before += this.rowsOfBank[bank] as number;
    }
    return Math.max(0, before - 1);
  }
}

/** Length of rows with which all of RAM is in view. */
export function wholeRowFrames(banks: readonly FrameSpan[]): number {
  let rowFrames = FEWEST_FRAMES;
  const needed = (): number => banks.reduce((sum, bank) => sum + rowsOf(bank, rowFrames), 0);
  // Every bank takes at least one row.
  while (needed() > Math.max(WHOLE_ROWS, banks.length)) rowFrames *= 2;
  return rowFrames;
}

/** One zoom step in or out, within the limits. */
export function zoomed(banks: readonly FrameSpan[], rowFrames: number, closer: boolean): number {
  return Math.min(wholeRowFrames(banks), Math.max(FEWEST_FRAMES, closer ? rowFrames / 2 : rowFrames * 2));
}

function rowsOf({ start, end }: FrameSpan, rowFrames: number): number {
  return Math.ceil((end - alignDown(start, rowFrames)) / rowFrames);
}
