// SPDX-License-Identifier: GPL-2.0-only
/**
 * A line as it is typed: echo, erase, abandon. One byte in, what became of it out; the line lies in
 * kernel memory.
 *
 *     Backspace, DEL   erases a character         Ctrl-C   abandons the line
 *     Ctrl-U           erases the line            CR, LF   ends it (LF right after CR is part of it)
 *
 * Other control characters and escape sequences (ECMA-48, CSI) are swallowed. A control character
 * inside a sequence ends it and counts. Bytes from 0x80 on are taken to be UTF-8: a character is
 * erased as a whole.
 *
 *     +0 u32 length    +4 u32 mode (Mode)    +8 bytes[LINE_BYTES]
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { decodeUtf8 } from '#common/utf8.ts';
import type { MemoryPort } from '#kernel-ts/hal/ports.ts';

/** Longest line, bytes; what does not fit rings the bell. */
export const LINE_BYTES = 256;
/** Bytes of memory that the editor takes; all zero is an empty line. */
export const LINE_EDITOR_BYTES = 8 + LINE_BYTES;

const CTRL_C = 0x03;
const BEL = 0x07;
const BACKSPACE = 0x08;
const LF = 0x0a;
const CR = 0x0d;
const CTRL_U = 0x15;
const ESC = 0x1b;
const SPACE = 0x20;
const DEL = 0x7f;
const CSI = 0x5b;

/** What the next byte belongs to. */
const Mode = { text: 0, afterCr: 1, escape: 2, controlSequence: 3 } as const;
type Mode = (typeof Mode)[keyof typeof Mode];

/** What a byte did: nothing to tell, or the line is complete, or was given up. */
export type Typed =
  | { readonly kind: 'more' }
  | { readonly kind: 'line'; readonly text: string }
  | { readonly kind: 'abandoned' };

const MORE: Typed = { kind: 'more' };

export class LineEditor {
  private readonly memory: MemoryPort;
  private readonly address: VirtAddr;
  private readonly echo: (bytes: readonly number[]) => void;

  /**
   * @param address of LINE_EDITOR_BYTES bytes, a multiple of 4
   * @param echo shows what the terminal should show
   */
  constructor(memory: MemoryPort, address: VirtAddr, echo: (bytes: readonly number[]) => void) {
    this.memory = memory;
    this.address = address;
    this.echo = echo;
  }

  /** Takes one byte. */
  type(byte: number): Typed {
    const { mode } = this;
    if (byte < SPACE && mode !== Mode.afterCr) {
      this.mode = Mode.text;
      return this.accept(byte);
    }
    switch (mode) {
      case Mode.escape:
        this.mode = byte === CSI ? Mode.controlSequence : Mode.text;
        return MORE;
      case Mode.controlSequence:
        // Parameters and intermediates are below 0x40; the final byte ends it.
        if (byte >= 0x40) this.mode = Mode.text;
        return MORE;
      case Mode.text:
      case Mode.afterCr:
        this.mode = Mode.text;
        return byte === LF && mode === Mode.afterCr ? MORE : this.accept(byte);
    }
  }

  private accept(byte: number): Typed {
    switch (byte) {
      case CR:
      case LF: {
        if (byte === CR) this.mode = Mode.afterCr;
        this.echo([LF]);
        return { kind: 'line', text: this.finish() };
      }
      case CTRL_C:
        this.echo([0x5e, 0x43, LF]); // ^C
        this.finish();
        return { kind: 'abandoned' };
      case CTRL_U:
        while (this.length > 0) this.erase();
        return MORE;
      case BACKSPACE:
      case DEL:
        if (this.length > 0) this.erase();
        return MORE;
      case ESC:
        this.mode = Mode.escape;
        return MORE;
      default:
        if (byte >= SPACE) this.append(byte);
        return MORE;
    }
  }

  private append(byte: number): void {
    const { length } = this;
    if (length === LINE_BYTES) {
      this.echo([BEL]);
      return;
    }
    this.memory.write8(this.at(length), byte);
    this.length = length + 1;
    this.echo([byte]);
  }

  /** Takes the last character away, on the screen too. */
  private erase(): void {
    let { length } = this;
    do length--;
    while (length > 0 && isContinuation(this.memory.read8(this.at(length))));
    this.length = length;
    this.echo([BACKSPACE, SPACE, BACKSPACE]);
  }

  /** The line, and the beginning of the next. */
  private finish(): string {
    const { length } = this;
    this.length = 0;
    return decodeUtf8(this.memory.readBytes(this.at(0), length), 0, length);
  }

  private at(index: number): VirtAddr {
    return virtAddr(this.address + 8n + BigInt(index));
  }

  private get length(): number {
    return this.memory.read32(this.address);
  }

  private set length(value: number) {
    this.memory.write32(this.address, value);
  }

  private get mode(): Mode {
    return this.memory.read32(virtAddr(this.address + 4n)) as Mode;
  }

  private set mode(value: Mode) {
    this.memory.write32(virtAddr(this.address + 4n), value);
  }
}

/** Bytes of a UTF-8 character behind its first. */
const isContinuation = (byte: number): boolean => (byte & 0xc0) === 0x80;
