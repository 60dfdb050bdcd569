// SPDX-License-Identifier: GPL-2.0-only
/**
 * The event log as text: one JSON object a line, what `--log FILE` writes.
 *
 *     {"format":"levitate-events","version":1,"time":"simulated ns","board":"qemu-virt"}
 *     {"t":1250,"core":0,"kind":"serial","text":"[BOOT] Stage 1: Early HAL (SEC)"}
 *     {"t":1300,"core":0,"kind":"unmapped","address":"0x9001040","width":4}
 *
 * The first line names the format and the run: event-header.ts. Every other line has t, core and
 * kind first, in that order, then the fields in the emitter's order, so that two equal runs have
 * equal bytes. A field named t, core or kind is written with "field." before its name, and
 * "field.t" becomes "field.field.t": nothing collides.
 *
 * Specification: RFC 8259; the lines follow the JSON Lines convention, UTF-8, each ended by a line
 * feed.
 */

import { EventFormatError, type EventLogHeader, eventHeaderLine, parseJsonObject } from './event-header.ts';

/**
 * An event from a line of a file, its values in their JSON form. Kind and fields are not checked.
 */
export interface EventRecord {
  readonly t: number;
  readonly core: number;
  readonly kind: string;
  readonly fields: EventFields;
}

export type EventFields = Readonly<Record<string, unknown>>;

/** An event of any kind, to be written. */
type AnyEvent = Omit<EventRecord, 'fields'> & { readonly fields: object };

/** One event as its line, with the line feed. */
export function eventLine({ t, core, kind, fields }: AnyEvent): string {
  const names = Object.keys(fields);
  const json = JSON.stringify(names.some((name) => STAMP_NAME.test(name)) ? withPrefix(fields) : fields);
  return `{"t":${t},"core":${core},"kind":${JSON.stringify(kind)}${json === '{}' ? '' : ','}${json.slice(1)}\n`;
}

/** A whole log file: the header with `about`, and `events`, one line each. */
export function eventLines(events: readonly AnyEvent[], about: Partial<EventLogHeader> = {}): string {
  return eventHeaderLine(about) + events.map(eventLine).join('');
}

/**
 * The event in a line of a log file.
 * @param number of the line, from 1
 * @throws EventFormatError when the line is not an event
 */
export function parseEventLine(line: string, number: number): EventRecord {
  const { t, core, kind, ...named } = parseJsonObject(line, number) as Record<string, unknown>;
  if (typeof t !== 'number' || typeof core !== 'number' || typeof kind !== 'string') {
    throw new EventFormatError(number, 't, core or kind is missing');
  }
  const fields: EventFields = line.includes('"field.') ? withoutPrefix(named) : named;
  return { t, core, kind, fields };
}

function withPrefix(fields: object): EventFields {
  return renamed(fields, (name) => `field.${name}`);
}

/** The names as the emitter gave them. */
function withoutPrefix(named: EventFields): EventFields {
  return renamed(named, (name) => name.slice('field.'.length));
}

function renamed(fields: object, rename: (name: string) => string): EventFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [STAMP_NAME.test(name) ? rename(name) : name, value as unknown]),
  );
}

/** A field name that would hide a stamp, with or without the prefix `field.`. */
const STAMP_NAME = /^(?:field\.)*(?:t|core|kind)$/;
