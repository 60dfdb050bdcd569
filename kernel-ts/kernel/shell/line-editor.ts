// SPDX-License-Identifier: GPL-2.0-only
/**
 * Line editor: echo, cursor, history. It takes one byte at a time; the line and its history are in
 * kernel memory.
 *
 *     Left, Right, Ctrl-B, Ctrl-F      a character back or on      Up, Down, Ctrl-P, Ctrl-N   earlier lines
 *     Home, End, Ctrl-A, Ctrl-E        to an end of the line       Tab        asks the shell to complete
 *     Backspace, DEL, Delete, Ctrl-D   erase a character           Ctrl-C     abandons the line
 *     Ctrl-U, Ctrl-K                   erase all, or the rest      CR, LF     end it (LF right after CR is part of it)
 *
 * Other control characters and escape sequences (ECMA-48: CSI, SS3) are ignored. A control
 * character inside a sequence ends the sequence and takes effect. Bytes from 0x80 on are taken for
 * UTF-8: a character is moved over and erased as a whole, and takes one column. The cursor is moved
 * by backspaces, because a serial line has no width: a terminal shows a wrapped line correctly with
 * reverse wraparound (DECSET 45), which the application adds to the user's terminal.
 *
 *     +0 u32 length       +8  u32 cursor, bytes            +16 u32 lines ever remembered
 *     +4 u32 mode (Mode)  +12 u32 parameter of a sequence  +20 u32 how many lines ago the shown one was; 0: it is new
 *     +24 slots of SLOT_BYTES, each u32 length, bytes[LINE_BYTES]:
 *         the line (its length is +0) | what was typed before Up | earlier lines, number n at n modulo HISTORY_LINES
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { BACKSPACE, BEL, CR, DEL, ESC, LF, SPACE, TAB } from '#common/ascii.ts';
import { decodeUtf8, encodeUtf8 } from '#common/utf8.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';

/** Longest line in bytes; further characters ring the bell. */
export const LINE_BYTES = 256;
/** Number of earlier lines in the history. */
export const HISTORY_LINES = 16;
const SLOT_BYTES = 4 + LINE_BYTES;
const SLOTS_AT = 24;
/** Slots before those of the history. */
const LINE_SLOT = 0;
const DRAFT_SLOT = 1;
const HISTORY_SLOT = 2;
/** Size of the editor's state in bytes; all zero is an empty line. */
export const LINE_EDITOR_BYTES = SLOTS_AT + (HISTORY_SLOT + HISTORY_LINES) * SLOT_BYTES;

/** Offsets of the numbers. */
const LENGTH = 0;
const MODE = 4;
const CURSOR = 8;
const PARAMETER = 12;
const REMEMBERED = 16;
const BACK = 20;

const ctrl = (letter: string): number => letter.charCodeAt(0) & 0x1f;

/** State of the parser: the sequence to which the next byte belongs. */
const Mode = { text: 0, afterCr: 1, escape: 2, controlSequence: 3, singleShift: 4 } as const;
type Mode = (typeof Mode)[keyof typeof Mode];

/** Result of a byte: more input is needed, the line is complete or abandoned, or Tab. */
export type KeyResult =
  | { readonly kind: 'more' }
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'abandoned' }
  /** `before` is the text before the cursor. */
  | { readonly kind: 'tab'; readonly before: string };

const MORE: KeyResult = { kind: 'more' };

export class LineEditor {
  private readonly memory: MemoryPort;
  private readonly address: VirtAddr;
  private readonly echo: (bytes: Iterable<number>) => void;
  /** Editing keys, by their control character. */
  private readonly keys: ReadonlyMap<number, () => void>;
  /** Editing keys by the final byte of a sequence; with "~", by its parameter. */
  private readonly finals: ReadonlyMap<string, () => void>;

  /**
   * @param address of LINE_EDITOR_BYTES bytes, a multiple of 4
   * @param echo writes to the terminal
   */
  constructor(memory: MemoryPort, address: VirtAddr, echo: (bytes: Iterable<number>) => void) {
    this.memory = memory;
    this.address = address;
    this.echo = echo;
    const left = (): void => this.moveTo(this.before(this.cursor));
    const right = (): void => this.moveTo(this.after(this.cursor));
    const home = (): void => this.moveTo(0);
    const end = (): void => this.moveTo(this.length);
    const up = (): void => this.recall(this.back + 1);
    const down = (): void => this.recall(this.back - 1);
    const erase = (): void => this.cut(this.before(this.cursor), this.cursor);
    const remove = (): void => this.cut(this.cursor, this.after(this.cursor));
    this.keys = new Map([
      [ctrl('a'), home],
      [ctrl('b'), left],
      [ctrl('d'), remove],
      [ctrl('e'), end],
      [ctrl('f'), right],
      [ctrl('k'), () => this.cut(this.cursor, this.length)],
      [ctrl('n'), down],
      [ctrl('p'), up],
      [ctrl('u'), () => this.replace(new Uint8Array())],
      [BACKSPACE, erase],
      [DEL, erase],
    ]);
    this.finals = new Map([
      ['A', up],
      ['B', down],
      ['C', right],
      ['D', left],
      ['H', home],
      ['F', end],
      ['1~', home],
      ['7~', home],
      ['3~', remove],
      ['4~', end],
      ['8~', end],
    ]);
  }

  /** Takes one byte. */
  type(byte: number): KeyResult {
    const { mode } = this;
    if (byte < SPACE && mode !== Mode.afterCr) {
      this.mode = Mode.text;
      return this.accept(byte);
    }
    switch (mode) {
      case Mode.escape:
        this.set(PARAMETER, 0);
        this.mode = byte === 0x5b ? Mode.controlSequence : byte === 0x4f ? Mode.singleShift : Mode.text;
        return MORE;
      case Mode.controlSequence:
        // Parameters and intermediates are below 0x40; a final byte ends the sequence.
        if (byte < 0x40) this.set(PARAMETER, this.get(PARAMETER) === 0 ? byte : 0xff);
        else this.endSequence(byte, this.get(PARAMETER));
        return MORE;
      case Mode.singleShift:
        this.endSequence(byte, 0);
        return MORE;
      case Mode.text:
      case Mode.afterCr:
        this.mode = Mode.text;
        return byte === LF && mode === Mode.afterCr ? MORE : this.accept(byte);
    }
  }

  /** Inserts `text` at the cursor, as if it had been typed. */
  insert(text: string): void {
    for (const byte of encodeUtf8(text)) this.put(byte);
  }

  /** Displays the line again, after a new prompt. */
  show(): void {
    const { cursor, length } = this;
    this.echo(this.bytes(0, length));
    this.echo(backspaces(this.columns(cursor, length)));
  }

  /** @param parameter the only byte before the final one; 0: none, 0xff: several */
  private endSequence(final: number, parameter: number): void {
    this.mode = Mode.text;
    const name = String.fromCharCode(final);
    this.finals.get(name === '~' ? `${String.fromCharCode(parameter)}~` : name)?.();
  }

  private accept(byte: number): KeyResult {
    switch (byte) {
      case CR:
      case LF: {
        if (byte === CR) this.mode = Mode.afterCr;
        this.echo([LF]);
        const line = this.bytes(0, this.length);
        this.remember(line);
        this.clear();
        return { kind: 'line', text: decodeUtf8(line) };
      }
      case ctrl('c'):
        this.echo([0x5e, 0x43, LF]); // ^C
        this.clear();
        return { kind: 'abandoned' };
      case TAB:
        return { kind: 'tab', before: decodeUtf8(this.bytes(0, this.cursor)) };
      case ESC:
        this.mode = Mode.escape;
        return MORE;
      default: {
        const key = this.keys.get(byte);
        if (key !== undefined) key();
        else if (byte >= SPACE) this.put(byte);
        return MORE;
      }
    }
  }

  /** Inserts a byte at the cursor. */
  private put(byte: number): void {
    const { length, cursor } = this;
    if (length === LINE_BYTES) {
      this.echo([BEL]);
      return;
    }
    const rest = this.bytes(cursor, length);
    this.write(cursor, [byte, ...rest]);
    this.set(LENGTH, length + 1);
    this.set(CURSOR, cursor + 1);
    this.echo([byte]);
    // The rest is echoed only when the character before the cursor is complete.
    if (rest.length > 0 && this.endsCharacter(cursor + 1)) this.showRest(0);
  }

  /**
   * Removes the bytes from `from` to `to`, also from the screen. The cursor must be at one of
   * these.
   */
  private cut(from: number, to: number): void {
    const { length, cursor } = this;
    if (from === to) return;
    const columns = this.columns(from, to);
    const rest = this.bytes(to, length);
    this.write(from, rest);
    if (cursor > from) this.echo(backspaces(columns));
    this.set(LENGTH, length - (to - from));
    this.set(CURSOR, from);
    this.showRest(columns);
  }

  /** Displays the text after the cursor, then `blanks` spaces, and moves back. */
  private showRest(blanks: number): void {
    const { cursor, length } = this;
    this.echo([...this.bytes(cursor, length), ...new Array<number>(blanks).fill(SPACE)]);
    this.echo(backspaces(this.columns(cursor, length) + blanks));
  }

  private moveTo(place: number): void {
    const { cursor } = this;
    this.echo(place < cursor ? backspaces(this.columns(place, cursor)) : this.bytes(cursor, place));
    this.set(CURSOR, place);
  }

  /** Replaces this line by another one. */
  private replace(line: Uint8Array): void {
    this.moveTo(this.length);
    this.cut(0, this.length);
    this.write(0, line);
    this.set(LENGTH, line.length);
    this.moveTo(line.length);
  }

  /** Displays the line of `back` lines ago; 0 is the line being typed. */
  private recall(back: number): void {
    if (back < 0 || back > Math.min(this.get(REMEMBERED), HISTORY_LINES)) {
      this.echo([BEL]);
      return;
    }
    if (this.back === 0) this.store(DRAFT_SLOT, this.bytes(0, this.length));
    this.set(BACK, back);
    this.replace(this.stored(back === 0 ? DRAFT_SLOT : this.historySlot(back)));
  }

  /** An empty line, or a repetition of the last one, is not added. */
  private remember(line: Uint8Array): void {
    const text = decodeUtf8(line);
    if (text.trim() === '') return;
    const remembered = this.get(REMEMBERED);
    if (remembered > 0 && decodeUtf8(this.stored(this.historySlot(1))) === text) return;
    this.set(REMEMBERED, (remembered + 1) >>> 0);
    this.store(this.historySlot(1), line);
  }

  private historySlot(back: number): number {
    return HISTORY_SLOT + ((this.get(REMEMBERED) - back) % HISTORY_LINES);
  }

  private clear(): void {
    for (const place of [LENGTH, CURSOR, BACK]) this.set(place, 0);
  }

  /** Offset of the character before `place`. */
  private before(place: number): number {
    let at = Math.max(0, place - 1);
    while (at > 0 && isContinuation(this.byteAt(at))) at--;
    return at;
  }

  /** Offset after the character at `place`. */
  private after(place: number): number {
    const { length } = this;
    let at = Math.min(length, place + 1);
    while (at < length && isContinuation(this.byteAt(at))) at++;
    return at;
  }

  private endsCharacter(end: number): boolean {
    const start = this.before(end);
    return end - start >= characterBytes(this.byteAt(start));
  }

  /** Number of columns on the screen. */
  private columns(from: number, to: number): number {
    return this.bytes(from, to).filter((byte) => !isContinuation(byte)).length;
  }

  private byteAt(index: number): number {
    return this.memory.read8(this.at(index));
  }

  private bytes(from: number, to: number): Uint8Array {
    return this.memory.readBytes(this.at(from), to - from);
  }

  private write(from: number, bytes: Iterable<number>): void {
    let index = from;
    for (const byte of bytes) this.memory.write8(this.at(index++), byte);
  }

  private at(index: number): VirtAddr {
    return virtAddr(this.slot(LINE_SLOT) + 4n + BigInt(index));
  }

  private store(slot: number, line: Uint8Array): void {
    const address = this.slot(slot);
    this.memory.write32(address, line.length);
    for (const [index, byte] of line.entries()) this.memory.write8(virtAddr(address + 4n + BigInt(index)), byte);
  }

  private stored(slot: number): Uint8Array {
    const address = this.slot(slot);
    return this.memory.readBytes(virtAddr(address + 4n), this.memory.read32(address));
  }

  private slot(number: number): VirtAddr {
    return virtAddr(this.address + BigInt(SLOTS_AT + number * SLOT_BYTES));
  }

  private get length(): number {
    return this.get(LENGTH);
  }

  private get cursor(): number {
    return this.get(CURSOR);
  }

  private get back(): number {
    return this.get(BACK);
  }

  private get mode(): Mode {
    return this.get(MODE) as Mode;
  }

  private set mode(value: Mode) {
    this.set(MODE, value);
  }

  private get(place: number): number {
    return this.memory.read32(virtAddr(this.address + BigInt(place)));
  }

  private set(place: number, value: number): void {
    this.memory.write32(virtAddr(this.address + BigInt(place)), value);
  }
}

const backspaces = (count: number): number[] => new Array<number>(count).fill(BACKSPACE);

/** True for a byte of a UTF-8 character after its first. */
const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;

/** Number of bytes of a UTF-8 character that begins with `first`. */
const characterBytes = (first: number): number => (first < 0xc0 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4);
