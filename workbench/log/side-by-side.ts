// SPDX-License-Identifier: GPL-2.0-only
/** Two logs walked together up to the first event that one has and the other has not. */

import { type EventRecord, parseEventLine } from './event-lines.ts';
import type { Paint } from '#workbench/cli/terminal-style.ts';
import { showEvent } from './show-event.ts';

/** An event and where it stands. */
export interface PlacedEvent {
  readonly line: number;
  readonly event: EventRecord;
}

/** A line of one of the logs. */
export interface ComparedLine {
  /** From 1. */
  readonly line: number;
  readonly t: number;
  readonly text: string;
  /** What must be the same in the other log. */
  readonly key: string;
}

/** Where two logs part. */
export interface Parting {
  /** The last events that both have, as the first log has them. */
  readonly before: readonly PlacedEvent[];
  /** From the difference on; empty where the log has ended. */
  readonly first: readonly PlacedEvent[];
  readonly second: readonly PlacedEvent[];
}

/** Events shown on each side of a difference. */
const CONTEXT_EVENTS = 3;

/**
 * Walks both logs in constant memory.
 * @param both told of each pair of lines that are the same
 * @returns number of events that both have, and where they part, null when they do not
 */
export function walkTogether(
  one: Generator<ComparedLine>,
  other: Generator<ComparedLine>,
  both: (a: ComparedLine, b: ComparedLine) => void = () => {},
): { same: number; parting: Parting | null } {
  const before: ComparedLine[] = [];
  try {
    for (let same = 0; ; same++) {
      const [a, b] = [next(one), next(other)];
      if (a?.key !== b?.key) {
        return { same, parting: { before: before.map(place), first: rest(a, one), second: rest(b, other) } };
      }
      if (a === null || b === null) return { same, parting: null };
      both(a, b);
      before.push(a);
      if (before.length > CONTEXT_EVENTS) before.shift();
    }
  } finally {
    one.return(undefined);
    other.return(undefined);
  }
}

function next(lines: Generator<ComparedLine>): ComparedLine | null {
  const result = lines.next();
  return result.done === true ? null : result.value;
}

/** The event at hand and the few that follow. */
function rest(line: ComparedLine | null, following: Generator<ComparedLine>): PlacedEvent[] {
  const events: PlacedEvent[] = [];
  for (let at = line; at !== null && events.length < CONTEXT_EVENTS; at = next(following)) events.push(place(at));
  return events;
}

/** The event in a line. */
export function place({ line, text }: ComparedLine): PlacedEvent {
  return { line, event: parseEventLine(text, line) };
}

/**
 * Names of the fields whose values differ, in the order of the events: "core", or a field; none
 * when the kinds differ: then everything does.
 */
export function differingFields(a: EventRecord | undefined, b: EventRecord | undefined): string[] {
  if (a === undefined || b === undefined || a.kind !== b.kind) return [];
  const names = [...new Set([...Object.keys(a.fields), ...Object.keys(b.fields)])];
  const differ = names.filter((name) => JSON.stringify(a.fields[name]) !== JSON.stringify(b.fields[name]));
  return a.core === b.core ? differ : ['core', ...differ];
}

/** The events on both sides of a difference, for people. */
export function showParting({ before, first, second }: Parting, paint: Paint): string[] {
  const row = (sign: string, { line, event }: PlacedEvent): string =>
    `${sign} ${String(line).padStart(7)} ${showEvent(event, paint)}`;
  return [
    ...before.map((event) => row(' ', event)),
    ...first.map((event) => paint('red', row('-', event))),
    ...second.map((event) => paint('green', row('+', event))),
  ];
}
