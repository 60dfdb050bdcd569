/**
 * The event log as text: one JSON object a line, what `--log FILE` writes.
 *
 *     {"format":"levitate-events","version":1,"time":"simulated ns","board":"qemu-virt"}
 *     {"t":1250,"core":0,"kind":"serial","text":"[BOOT] Stage 1: Early HAL (SEC)"}
 *     {"t":1300,"core":0,"kind":"unmapped","address":"0x9001040","width":4}
 *
 * The first line names the format and says what was run: event-header.ts. Then t, core and kind
 * come first, always in that order, then the fields in the order of the emitter, so that two runs
 * that did the same compare equal byte by byte. JSON has no integers above 2^53 and no bytes:
 *
 * | value | in the line |
 * |---|---|
 * | bigint | "0x…" string ("-0x…" below zero) |
 * | NaN, Infinity | the string "NaN", "Infinity", "-Infinity" |
 * | Uint8Array | array of numbers |
 * | Error | its message |
 * | undefined, function, symbol | left out (null inside an array) |
 * | a field named t, core or kind | the same name after "field." ("field.t" becomes "field.field.t": no collision) |
 *
 * Specification: RFC 8259; the lines follow the JSON Lines convention, UTF-8, each ended by a line
 * feed.
 */

import { hex } from '#common/address.ts';
import {
  EventFormatError,
  type EventLogHeader,
  eventHeaderLine,
  parseHeaderLine,
  parseJsonObject,
} from './event-header.ts';
import type { EventFields, LogEvent } from './event-log.ts';

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

/**
 * A whole log file: the header, which says `about` the run what is known, and `events`, one line
 * each.
 */
export function eventLines(events: readonly LogEvent[], about: Partial<EventLogHeader> = {}): string {
  return eventHeaderLine(about) + events.map(eventLine).join('');
}

/**
 * The events of a log file, as `eventLines` wrote them; values stay in their JSON form. Empty lines
 * do not count.
 * @throws EventFormatError when the header is missing or of another format or version, or a line is
 * not an event
 */
export function parseEventLines(text: string): LogEvent[] {
  const events: LogEvent[] = [];
  let headerSeen = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (line === '') {
      continue;
    }
    if (headerSeen) {
      events.push(parseEventLine(line, index + 1));
    } else {
      parseHeaderLine(line, index + 1);
      headerSeen = true;
    }
  }
  if (!headerSeen) {
    throw new EventFormatError(1, 'no header');
  }
  return events;
}

/**
 * The event in a line of a log file.
 * @param number of the line, from 1
 * @throws EventFormatError when the line is not an event
 */
export function parseEventLine(line: string, number: number): LogEvent {
  const { t, core, kind, ...named } = parseJsonObject(line, number) as Record<string, unknown>;
  if (typeof t !== 'number' || typeof core !== 'number' || typeof kind !== 'string') {
    throw new EventFormatError(number, 't, core or kind is missing');
  }
  const fields: EventFields = line.includes('"field.') ? withoutPrefix(named) : named;
  return { t, core, kind, fields };
}

/** The names as the emitter gave them. */
function withoutPrefix(named: Record<string, unknown>): EventFields {
  return Object.fromEntries(
    Object.entries(named).map(([name, value]) => [STAMP_NAME.test(name) ? name.slice('field.'.length) : name, value]),
  );
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
