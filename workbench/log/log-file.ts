// SPDX-License-Identifier: GPL-2.0-only
/**
 * An event log on disk, read a line at a time in constant memory.
 *
 * Only the stamps of a line are read, directly from the bytes; the rest is parsed on demand. So a
 * million events take about a second: most are rejected by kind, core or time, or only counted.
 *
 * ```
 *   {"t":41436987,"core":0,"kind":"memory","what":"ready",…
 *        ^ t      ^ core   ^ kind
 *               |<- afterTime: in two runs that did the same, all of this is the same
 * ```
 * The writer puts the stamps first, in this order and without spaces
 * (event-lines.ts). A line that somebody wrote otherwise is parsed whole.
 */

import { isAscii } from 'node:buffer';
import { closeSync, fstatSync, readSync } from 'node:fs';
import { EventFormatError, type EventLogHeader, parseHeaderLine } from './event-header.ts';
import { type EventRecord, parseEventLine } from './event-lines.ts';
import { openInputFile, whyNotRead } from '#workbench/files/input-file.ts';
import { InputError } from '#workbench/input-error.ts';

const CHUNK_BYTES = 2 ** 20;
/** Far longer than any event: a file without line feeds is no event log. */
const LONGEST_LINE_BYTES = 2 ** 26;
const LINE_FEED = 10;
const ABSENT = 'there is no such file; "npm run boot -- --board NAME --log FILE" writes one';

/** A line of a log, good until the next one is asked for. */
export interface ScannedLine {
  /** Number in the file, from 1. */
  readonly number: number;
  readonly t: number;
  readonly core: number;
  readonly kind: string;
  /** The whole line without its line feed. */
  readonly text: string;
  /** The line after its time stamp: core, kind and fields. */
  readonly afterTime: string;
  /** The whole event. @throws EventFormatError when the line is not one */
  parse(): EventRecord;
}

/**
 * The lines of a file that may still be growing. The header is the first line that is not empty.
 */
export class LogCursor {
  /** Null until the header was read. */
  header: EventLogHeader | null = null;
  private readonly path: string;
  private readonly descriptor: number;
  private readonly line = new Line();
  private buffer = Buffer.allocUnsafe(CHUNK_BYTES);
  /** Bytes at the start of the buffer that are the beginning of a line. */
  private kept = 0;
  private position = 0;

  /** @throws InputError when the file cannot be read */
  constructor(path: string) {
    this.path = path;
    this.descriptor = openInputFile('', path, ABSENT).descriptor;
  }

  /**
   * True when the file became shorter than the part already read: another run has started it again.
   */
  get wasReplaced(): boolean {
    return fstatSync(this.descriptor).size < this.position;
  }

  /** The events whose lines are complete by now. @throws EventFormatError, InputError */
  *available(): Generator<ScannedLine> {
    for (;;) {
      if (this.kept === this.buffer.length) this.grow();
      const bytes = this.read();
      if (bytes === 0) return;
      this.position += bytes;
      const filled = this.kept + bytes;
      const end = this.buffer.subarray(0, filled).lastIndexOf(LINE_FEED) + 1;
      if (end > 0) yield* this.linesIn(this.buffer.subarray(0, end));
      this.buffer.copy(this.buffer, 0, end, filled);
      this.kept = filled - end;
    }
  }

  /**
   * Every event of a file that no longer grows.
   * @throws EventFormatError also when the last line was cut off; InputError
   */
  *all(): Generator<ScannedLine> {
    yield* this.available();
    if (this.kept > 0) yield* this.lastLine();
    if (this.header === null) throw new EventFormatError(1, 'no header: the file is empty');
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private *linesIn(bytes: Buffer): Generator<ScannedLine> {
    const { line } = this;
    // One character a byte: positions in the string are positions in the bytes.
    const text = bytes.toString('latin1');
    line.source = text;
    line.bytes = isAscii(bytes) ? null : bytes;
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n', start);
      line.number++;
      line.start = start;
      line.end = end;
      if (end > start) {
        if (this.header === null) {
          this.header = parseHeaderLine(line.text, line.number);
        } else {
          line.readStamps();
          yield line;
        }
      }
      start = end + 1;
    }
  }

  /**
   * The rest after the last line feed: a whole event when only the line feed is missing, else a
   * partial line of a killed run.
   */
  private *lastLine(): Generator<ScannedLine> {
    const bytes = Buffer.concat([this.buffer.subarray(0, this.kept), Buffer.of(LINE_FEED)]);
    if (this.header === null || isWhole(bytes)) {
      yield* this.linesIn(bytes);
      return;
    }
    throw new EventFormatError(
      this.line.number + 1,
      'the file ends within the line: the run that wrote it was killed or is still writing (--follow waits)',
    );
  }

  private grow(): void {
    if (this.buffer.length >= LONGEST_LINE_BYTES) {
      throw new EventFormatError(
        this.line.number + 1,
        `longer than ${LONGEST_LINE_BYTES} bytes: this is not an event log`,
      );
    }
    const larger = Buffer.allocUnsafe(this.buffer.length * 2);
    this.buffer.copy(larger, 0, 0, this.kept);
    this.buffer = larger;
  }

  private read(): number {
    try {
      return readSync(this.descriptor, this.buffer, this.kept, this.buffer.length - this.kept, this.position);
    } catch (error) {
      throw new InputError(`${this.path}: ${whyNotRead(error)}`);
    }
  }
}

/** The one line object, which the cursor reuses for each line. */
class Line implements ScannedLine {
  source = '';
  /** The bytes of the source where they are not all ASCII. */
  bytes: Buffer | null = null;
  start = 0;
  end = 0;
  number = 0;
  t = 0;
  core = 0;
  kind = '';

  get text(): string {
    return this.slice(this.start);
  }

  get afterTime(): string {
    return this.slice(this.source.indexOf(',', this.start));
  }

  parse(): EventRecord {
    return parseEventLine(this.text, this.number);
  }

  readStamps(): void {
    const { source, start, end } = this;
    const afterT = digitsEnd(source, start + T.length);
    const coreAt = afterT + CORE.length;
    const afterCore = digitsEnd(source, coreAt);
    const kindAt = afterCore + KIND.length;
    const kindEnd = source.indexOf('"', kindAt);
    const asWritten =
      source.startsWith(T, start) &&
      source.startsWith(CORE, afterT) &&
      source.startsWith(KIND, afterCore) &&
      kindEnd < end &&
      source.charCodeAt(end - 1) === CLOSING_BRACE;
    if (asWritten) {
      this.t = Number(source.slice(start + T.length, afterT));
      this.core = Number(source.slice(coreAt, afterCore));
      this.kind = source.slice(kindAt, kindEnd);
    }
    if (!asWritten || this.kind.includes('\\')) {
      ({ t: this.t, core: this.core, kind: this.kind } = this.parse());
    }
  }

  private slice(start: number): string {
    return this.bytes === null ? this.source.slice(start, this.end) : this.bytes.toString('utf8', start, this.end);
  }
}

const T = '{"t":';
const CORE = ',"core":';
const KIND = ',"kind":"';
const CLOSING_BRACE = '}'.charCodeAt(0);

/** The end of the digits that begin at `at`. */
function digitsEnd(text: string, at: number): number {
  let end = at;
  for (let code = text.charCodeAt(end); code >= 48 && code <= 57; code = text.charCodeAt(++end));
  return end;
}

function isWhole(bytes: Buffer): boolean {
  try {
    parseEventLine(bytes.toString('utf8'), 1);
    return true;
  } catch {
    return false;
  }
}
