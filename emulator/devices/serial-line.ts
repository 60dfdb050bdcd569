// SPDX-License-Identifier: GPL-2.0-only
/**
 * Serial line of the machine, seen from the host: all output of the guest as bytes, as lines, and
 * as text.
 *
 *     UART ──byte──► SerialLine ──► bytes (all of them, in order)
 *                       ├──► watches: a text has appeared (at once, wherever the chunks end)
 *                       ├──► lines: at each line feed, without the line end
 *                       └──► chunks for a terminal or a file: at each line feed, at 4 KiB, or at flush()
 *
 * Text is UTF-8; invalid bytes become U+FFFD, as in the WHATWG Encoding Standard (a line feed never
 * lies inside a sequence, so decoding line by line gives the text of the whole). Bytes are kept as
 * sent. Input to the guest does not pass here, see serial-device.ts.
 */

import { CR, LF } from '#common/ascii.ts';
import { TextMatcher } from './text-matcher.ts';

const FIRST_CAPACITY = 4096;
const CHUNK_LIMIT = 4096;

export type ByteListener = (chunk: Uint8Array) => void;
export type LineListener = (line: string) => void;

/** Wait for a text. */
export interface SerialWatch {
  readonly text: string;
  /** True once the text has appeared. */
  readonly seen: boolean;
  /** Offset of the text's first byte in the whole output, or null. */
  readonly at: number | null;
  /** Ends the wait. */
  cancel(): void;
}

interface Watching {
  readonly matcher: TextMatcher;
  readonly onSeen: () => void;
  at: number | null;
}

/** Output of the line, and its listeners. */
export class SerialLine {
  private buffer = new Uint8Array(FIRST_CAPACITY);
  private length = 0;
  private lineStart = 0;
  private delivered = 0;
  private completeText = '';
  private readonly finishedLines: string[] = [];
  private readonly byteListeners = new Set<ByteListener>();
  private readonly lineListeners = new Set<LineListener>();
  private readonly watches = new Set<Watching>();
  /** Actions by number of bytes sent. */
  private readonly marks = new Map<number, () => void>();
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /**
   * Takes one byte from the UART. Amortised O(1 + watches). Listeners are called before it returns.
   */
  transmit(byte: number): void {
    if (this.length === this.buffer.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.buffer);
      this.buffer = larger;
    }
    this.buffer[this.length] = byte;
    this.length++;
    if (byte === LF) this.endLine();
    if (byte === LF || this.length - this.delivered >= CHUNK_LIMIT) this.flush();
    if (this.watches.size > 0) this.notifyWatches(byte);
    if (this.marks.size > 0) this.marks.get(this.length)?.();
  }

  /**
   * Calls `action` right after byte number `count` has been sent; a second call for the same number
   * replaces the first.
   */
  whenSent(count: number, action: () => void): void {
    this.marks.set(count, action);
  }

  /**
   * Passes the remaining bytes, which no chunk has carried yet, to the byte listeners. For prompts
   * without a line feed: call it when the machine pauses.
   */
  flush(): void {
    if (this.delivered === this.length) return;
    const chunk = this.buffer.slice(this.delivered, this.length);
    this.delivered = this.length;
    for (const listener of this.byteListeners) listener(chunk);
  }

  /** Ends the output: an unfinished last line becomes a line, and everything is flushed. */
  finish(): void {
    if (this.lineStart < this.length) this.endLine();
    this.flush();
  }

  /** Copy of all bytes sent so far. */
  get bytes(): Uint8Array {
    return this.buffer.slice(0, this.length);
  }

  /** Number of bytes sent so far. */
  get byteLength(): number {
    return this.length;
  }

  /** Whole output as text. O(length of the unfinished line). */
  get text(): string {
    return this.completeText + this.decode(this.lineStart, this.length);
  }

  /** Finished lines, without line feeds and the carriage returns before them. Not a copy. */
  get lines(): readonly string[] {
    return this.finishedLines;
  }

  /** Text sent since the last line feed, as {@link finish} would make a line of it, or null. */
  get unfinishedLine(): string | null {
    return this.lineStart < this.length ? this.lineFrom(this.lineStart) : null;
  }

  saveState() {
    return { bytes: this.bytes };
  }

  /**
   * Restores the output before a snapshot. Listeners do not receive it again, and watches do not
   * search it.
   */
  restoreState({ bytes }: ReturnType<SerialLine['saveState']>): void {
    this.buffer = new Uint8Array(Math.max(FIRST_CAPACITY, 2 * bytes.length));
    this.length = 0;
    this.lineStart = 0;
    this.completeText = '';
    this.finishedLines.length = 0;
    for (const byte of bytes) {
      this.buffer[this.length++] = byte;
      if (byte === LF) this.finishedLines.push(this.takeLine());
    }
    this.delivered = this.length;
  }

  /**
   * Calls `listener` with each further chunk of bytes (a copy that it may keep). Returns a function
   * that ends the subscription.
   */
  onBytes(listener: ByteListener): () => void {
    this.byteListeners.add(listener);
    return () => {
      this.byteListeners.delete(listener);
    };
  }

  /**
   * Calls `listener` with each further line, at its line feed. Returns a function that ends the
   * subscription.
   */
  onLine(listener: LineListener): () => void {
    this.lineListeners.add(listener);
    return () => {
      this.lineListeners.delete(listener);
    };
  }

  /**
   * Waits for `text`, compared as UTF-8 bytes, including output before the call: `onSeen` is called
   * once, at the byte that completes the first occurrence. Line ends are compared as the guest
   * sends them.
   * @param from offset of the first byte that counts, at most {@link byteLength}
   * @throws RangeError when `text` is empty
   */
  watch(text: string, onSeen: () => void = () => {}, from = 0): SerialWatch {
    const watching: Watching = { matcher: new TextMatcher(new TextEncoder().encode(text)), onSeen, at: null };
    this.watches.add(watching);
    for (let index = from; index < this.length && watching.at === null; index++) {
      this.advance(watching, this.buffer[index] as number, index);
    }
    return {
      text,
      get seen() {
        return watching.at !== null;
      },
      get at() {
        return watching.at;
      },
      cancel: () => {
        this.watches.delete(watching);
      },
    };
  }

  private notifyWatches(byte: number): void {
    const index = this.length - 1;
    // A copy, because `onSeen` may add a watch, which has already searched this byte.
    for (const watching of Array.from(this.watches)) this.advance(watching, byte, index);
  }

  private advance(watching: Watching, byte: number, index: number): void {
    if (watching.matcher.push(byte)) {
      watching.at = index + 1 - watching.matcher.length;
      this.watches.delete(watching);
      watching.onSeen();
    }
  }

  private endLine(): void {
    const line = this.takeLine();
    this.finishedLines.push(line);
    for (const listener of this.lineListeners) listener(line);
  }

  /** Ends the unfinished line and returns it without its line end. */
  private takeLine(): string {
    const start = this.lineStart;
    this.lineStart = this.length;
    this.completeText += this.decode(start, this.length);
    return this.lineFrom(start);
  }

  /** The last line, which begins at `start`, without its end. */
  private lineFrom(start: number): string {
    let end = this.length;
    if (this.buffer[end - 1] === LF) end--;
    while (end > start && this.buffer[end - 1] === CR) end--;
    return this.decode(start, end);
  }

  private decode(start: number, end: number): string {
    return this.decoder.decode(this.buffer.subarray(start, end));
  }
}
