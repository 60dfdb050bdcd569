// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reverse wraparound for the user's terminal: a backspace at the left edge goes to the end of the
 * row before, where the line was wrapped.
 *
 *     levitate> run he│
 *     llo▮            │    the editor moves by backspaces: it does not know where the terminal wraps
 *
 * A serial line has no size, so a guest cannot know the width, and most terminals stop at the left
 * edge (only some have DECSET 45). The column is counted here, from the last line feed or carriage
 * return. After a tab or an escape sequence it is not known, and everything is passed on as it is
 * up to the next line: a guest that sends those moves its cursor by itself.
 *
 * Specification: ECMA-48, 8.3 (BS, CHA, CUU).
 */

import { BACKSPACE, CR, DEL, ESC, LF, SPACE, TAB } from '#common/ascii.ts';

const bytesOf = (text: string): number[] => Array.from(text, (character) => character.charCodeAt(0));

export class ReverseWrap {
  private readonly width: () => number | undefined;
  /** Columns since the beginning of the line, over all its rows; null when not known. */
  private column: number | null = 0;
  /** True when the last column was printed: the terminal wraps before the next character. */
  private waitsToWrap = false;
  private lastWidth: number | undefined;

  /** @param width columns of the terminal; undefined or 0 when it does not say */
  constructor(width: () => number | undefined) {
    this.width = width;
    this.lastWidth = width();
  }

  /** What the terminal gets for these bytes of the guest. */
  translate(bytes: Iterable<number>): Uint8Array {
    const width = this.width();
    // The terminal has moved what stands on it.
    if (width !== this.lastWidth) this.column = null;
    this.lastWidth = width;
    if (width === undefined || width < 2) return Uint8Array.from(bytes);
    return Uint8Array.from(Array.from(bytes).flatMap((byte) => this.take(byte, width)));
  }

  private take(byte: number, width: number): readonly number[] {
    const { column } = this;
    if (byte === LF || byte === CR) {
      this.column = 0;
      this.waitsToWrap = false;
    } else if (byte === ESC || byte === TAB) this.column = null;
    else if (column === null) return [byte];
    else if (byte === BACKSPACE) return this.back(column, width);
    // Of a character in UTF-8 the first byte counts.
    else if (byte >= SPACE && byte !== DEL && (byte & 0xc0) !== 0x80) {
      this.column = column + 1;
      this.waitsToWrap = this.column % width === 0;
    }
    return [byte];
  }

  private back(column: number, width: number): readonly number[] {
    if (column === 0) return [BACKSPACE];
    const { waitsToWrap } = this;
    this.column = column - 1;
    this.waitsToWrap = false;
    if (column % width !== 0) return [BACKSPACE];
    return bytesOf(`${waitsToWrap ? '' : '\x1b[A'}\x1b[${width}G`);
  }
}
