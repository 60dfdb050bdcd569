// SPDX-License-Identifier: GPL-2.0-only
/** Reads two logs side by side, up to the first event that is not in both. */

import { type EventRecord, parseEventLine } from './event-lines.ts';
import type { Paint } from '#workbench/cli/terminal-style.ts';
import { showEvent } from './show-event.ts';

/** A line of one of the logs. Both logs have an event when their lines have the same key. */
export interface ComparedLine {
  /** From 1. */
  readonly number: number;
  readonly t: number;
  readonly text: string;
  readonly key: string;
}

/** An event and its line number. */
export interface PlacedEvent {
  readonly line: number;
  readonly event: EventRecord;
}

/** The first difference between two logs. */
export interface Divergence {
  /** The last events that both have, as the first log has them. */
  readonly before: readonly PlacedEvent[];
  /** Events of the first log from the difference on; empty where the log has ended. */
  readonly first: readonly PlacedEvent[];
  readonly second: readonly PlacedEvent[];
  /** "core" or fields whose values differ, when both events are of one kind. */
  readonly fields: readonly string[];
}

/** A log's lines, closed with `return`. */
export type LogLines = Generator<ComparedLine, undefined>;

/** Events shown on each side of a difference. */
const CONTEXT_EVENTS = 3;

/**
 * Compares two logs in constant memory.
 * @param onSame told of each pair of lines that both have
 * @returns number of events that both have, and where they part, null when they do not
 */
export function compareLines(
  one: LogLines,
  other: LogLines,
  onSame: (a: ComparedLine, b: ComparedLine) => void = () => {},
): { same: number; divergence: Divergence | null } {
  const before: ComparedLine[] = [];
  try {
    for (let same = 0; ; same++) {
      const [a, b] = [one.next().value, other.next().value];
      if (a?.key !== b?.key) {
        const [first, second] = [rest(a, one), rest(b, other)];
        const fields = differingFields(first[0]?.event, second[0]?.event);
        return { same, divergence: { before: before.map(place), first, second, fields } };
      }
      if (a === undefined || b === undefined) return { same, divergence: null };
      onSame(a, b);
      before.push(a);
      if (before.length > CONTEXT_EVENTS) before.shift();
    }
  } finally {
    one.return(undefined);
    other.return(undefined);
  }
}

/** The event at hand and the few that follow. */
function rest(line: ComparedLine | undefined, following: LogLines): PlacedEvent[] {
  const events: PlacedEvent[] = [];
  for (let at = line; at !== undefined && events.length < CONTEXT_EVENTS; at = following.next().value) {
    events.push(place(at));
  }
  return events;
}

/** The event in a line. */
export function place({ number, text }: ComparedLine): PlacedEvent {
  return { line: number, event: parseEventLine(text, number) };
}

function differingFields(a: EventRecord | undefined, b: EventRecord | undefined): string[] {
  if (a === undefined || b === undefined || a.kind !== b.kind) return [];
  const differ = differingMembers(a.fields, b.fields);
  return a.core === b.core ? differ : ['core', ...differ];
}

/** Names of the members whose values differ, in the order of the objects. */
export function differingMembers<T extends object>(a: T, b: T): (keyof T & string)[] {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])] as (keyof T & string)[];
  return names.filter((name) => JSON.stringify(a[name]) !== JSON.stringify(b[name]));
}

/** The events on both sides of a difference, for people. */
export function showDivergence({ before, first, second }: Omit<Divergence, 'fields'>, paint: Paint): string[] {
  const row = (sign: string, { line, event }: PlacedEvent): string =>
    `${sign} ${String(line).padStart(7)} ${showEvent(event, paint)}`;
  return [
    ...before.map((event) => row(' ', event)),
    ...first.map((event) => paint('red', row('-', event))),
    ...second.map((event) => paint('green', row('+', event))),
  ];
}
