/**
 * The event log as text: one JSON object a line, what `--log FILE` writes.
 *
 *     {"format":"levitate-events","version":1,"time":"simulated ns"}
 *     {"t":1250,"core":0,"kind":"serial","text":"[BOOT] Stage 1: Early HAL (SEC)"}
 *     {"t":1300,"core":0,"kind":"unmapped","address":"0x9001040","width":4}
 *
 * The first line names the format. Then t, core and kind come first, always in that order, then the fields in the order of the
 * emitter, so that two runs that did the same compare equal byte by byte. JSON has no integers above 2^53 and no bytes:
 *
 * | value | in the line |
 * |---|---|
 * | bigint | "0x…" string ("-0x…" below zero) |
 * | NaN, Infinity | the string "NaN", "Infinity", "-Infinity" |
 * | Uint8Array | array of numbers |
 * | Error | its message |
 * | undefined, function, symbol | left out (null inside an array) |
 * | a field named t, core or kind | the same name after "field." (and "field.t" becomes "field.field.t": nothing collides) |
 *
 * Specification: RFC 8259; the lines follow the JSON Lines convention, UTF-8, each ended by a line feed.
 */

import { hex } from '../address.ts';
import type { EventFields, LogEvent } from './event-log.ts';

/** Name and version of the format. The version changes when a reader of the old one would misread the new one. */
export const EVENT_FORMAT = 'levitate-events';
export const EVENT_FORMAT_VERSION = 1;

/** A log file that cannot be read: the line number (from 1) and what is wrong with it. */
export class EventFormatError extends Error {
  readonly line: number;

  constructor(line: number, problem: string) {
    super(`event log, line ${line}: ${problem}`);
    this.name = 'EventFormatError';
    this.line = line;
  }
}

/** The first line of a log file, with its line feed. */
export function eventHeaderLine(): string {
  return `${JSON.stringify({ format: EVENT_FORMAT, version: EVENT_FORMAT_VERSION, time: 'simulated ns' })}\n`;
}

/** One event as its line, with the line feed. */
export function eventLine(event: LogEvent): string {
  let line = `{"t":${event.t},"core":${event.core},"kind":${JSON.stringify(event.kind)}`;
  for (const name of Object.keys(event.fields)) {
    const value = jsonOf(event.fields[name]);
    if (value !== undefined) {
      line += `,${JSON.stringify(STAMP_NAME.test(name) ? `field.${name}` : name)}:${value}`;
    }
  }
  return `${line}}\n`;
}

/** A whole log file: the header and `events`, one line each. */
export function eventLines(events: readonly LogEvent[]): string {
  return eventHeaderLine() + events.map(eventLine).join('');
}

/**
 * The events of a log file, as `eventLines` wrote them; values stay in their JSON form. Empty lines do not count.
 * @throws EventFormatError when the header is missing or of another format or version, or a line is not an event
 */
export function parseEventLines(text: string): LogEvent[] {
  const events: LogEvent[] = [];
  let headerSeen = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') {
      continue;
    }
    const parsed = parseObject(line, index + 1);
    if (headerSeen) {
      events.push(eventOf(parsed, index + 1));
    } else {
      checkHeader(parsed, index + 1);
      headerSeen = true;
    }
  }
  if (!headerSeen) {
    throw new EventFormatError(1, 'no header');
  }
  return events;
}

/** A field name that would hide a stamp, with or without the prefix that keeps them apart. */
const STAMP_NAME = /^(?:field\.)*(?:t|core|kind)$/;

function jsonOf(value: unknown): string | undefined {
  switch (typeof value) {
    case 'bigint':
      return `"${value < 0n ? `-${hex(-value)}` : hex(value)}"`;
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
    case 'string':
    case 'boolean':
      return JSON.stringify(value);
    case 'object':
      return value === null ? 'null' : jsonOfObject(value);
    default:
      return undefined;
  }
}

function jsonOfObject(value: object): string {
  if (Array.isArray(value) || value instanceof Uint8Array) {
    return `[${Array.from(value as ArrayLike<unknown>, (item) => jsonOf(item) ?? 'null').join(',')}]`;
  }
  if (value instanceof Error) {
    return JSON.stringify(value.message);
  }
  const members: string[] = [];
  for (const [name, member] of Object.entries(value)) {
    const json = jsonOf(member);
    if (json !== undefined) {
      members.push(`${JSON.stringify(name)}:${json}`);
    }
  }
  return `{${members.join(',')}}`;
}

function parseObject(line: string, number: number): Map<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new EventFormatError(number, 'not JSON');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new EventFormatError(number, 'not a JSON object');
  }
  return new Map(Object.entries(value));
}

function checkHeader(header: Map<string, unknown>, number: number): void {
  if (header.get('format') !== EVENT_FORMAT) {
    throw new EventFormatError(number, `not the header of a ${EVENT_FORMAT} file`);
  }
  if (header.get('version') !== EVENT_FORMAT_VERSION) {
    throw new EventFormatError(number, `version ${String(header.get('version'))}, expected ${EVENT_FORMAT_VERSION}`);
  }
}

function eventOf(parsed: Map<string, unknown>, number: number): LogEvent {
  const t = parsed.get('t');
  const core = parsed.get('core');
  const kind = parsed.get('kind');
  if (typeof t !== 'number' || typeof core !== 'number' || typeof kind !== 'string') {
    throw new EventFormatError(number, 't, core or kind is missing');
  }
  const named: [string, unknown][] = [];
  for (const [name, value] of parsed) {
    if (name !== 't' && name !== 'core' && name !== 'kind') {
      named.push([STAMP_NAME.test(name) ? name.slice('field.'.length) : name, value]);
    }
  }
  const fields: EventFields = Object.fromEntries(named);
  return { t, core, kind, fields };
}
