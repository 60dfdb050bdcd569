/**
 * Where two runs part: the first event that one has and the other has not, with what came before
 * and after.
 *
 * Times do not count for that. A run that does the same a little later has not parted; where the
 * times first differ is told beside it. A kind that only one of the two logs kept does not count
 * either.
 */

import { EVENT_KINDS, isEventKind } from './event-kinds.ts';
import type { EventLogHeader } from './event-header.ts';
import { parseEventLine } from './event-lines.ts';
import type { EventRecord } from './event-lines.ts';
import type { ScannedLine } from './log-file.ts';
import { scanLog } from './read-event-log.ts';

/** An event and where it stands. */
export interface PlacedEvent {
  readonly line: number;
  readonly event: EventRecord;
}

/** The first difference of two runs. */
export interface Divergence {
  /** Events, counted from 1, up to and with the first that differs. */
  readonly index: number;
  /** The last events that both have, as the first log has them. */
  readonly before: readonly PlacedEvent[];
  /** From the difference on; empty where the log has ended. */
  readonly first: readonly PlacedEvent[];
  readonly second: readonly PlacedEvent[];
  /** Names of the fields that differ, when both events are of one kind: "core", or a field. */
  readonly fields: readonly string[];
}

/** The same event at two times. */
export interface TimeDifference {
  readonly first: PlacedEvent;
  readonly second: PlacedEvent;
}

/** What comparing two logs event by event found. */
export interface Comparison {
  /** Null when both have the same events in the same order. */
  readonly divergence: Divergence | null;
  /**
   * The first event that both have, at different times; null when there is none before they part.
   */
  readonly time: TimeDifference | null;
  /** Kinds that only one of them kept. */
  readonly notCompared: readonly string[];
  /** Events that both have before they part. */
  readonly same: number;
}

const CONTEXT_EVENTS = 3;

/** One of the two logs. */
export interface ComparedLog {
  readonly path: string;
  readonly header: EventLogHeader;
}

/** Compares in constant memory, up to the first difference. @throws InputError, EventFormatError */
export function compareLogs(
  first: ComparedLog,
  second: ComparedLog,
  accepts: (line: ScannedLine) => boolean,
): Comparison {
  const notCompared = keptByOne(first.header, second.header);
  const skipped = new Set(notCompared);
  const wanted = (line: ScannedLine): boolean => !skipped.has(line.kind) && accepts(line);
  const one = filtered(scanLog(first.path), wanted);
  const other = filtered(scanLog(second.path), wanted);
  const before: { readonly line: number; readonly text: string }[] = [];
  let time: TimeDifference | null = null;
  let same = 0;
  try {
    for (;;) {
      const a = next(one);
      const b = next(other);
      if (a === null && b === null) return { divergence: null, time, notCompared, same };
      if (a === null || b === null || a.behindTime !== b.behindTime) {
        const divergence = divergenceAt(same + 1, before, placed(a, one), placed(b, other));
        return { divergence, time, notCompared, same };
      }
      if (time === null && a.t !== b.t) time = { first: place(a), second: place(b) };
      before.push({ line: a.number, text: a.text });
      if (before.length > CONTEXT_EVENTS) before.shift();
      same++;
    }
  } finally {
    one.return(undefined);
    other.return(undefined);
  }
}

function divergenceAt(
  index: number,
  before: readonly { readonly line: number; readonly text: string }[],
  first: readonly PlacedEvent[],
  second: readonly PlacedEvent[],
): Divergence {
  return {
    index,
    before: before.map(({ line, text }) => ({ line, event: parseEventLine(text, line) })),
    first,
    second,
    fields: first[0] === undefined || second[0] === undefined ? [] : differingFields(first[0].event, second[0].event),
  };
}

/**
 * Names of the fields whose values differ, in the order of the events; none when the kinds differ:
 * then everything does.
 */
export function differingFields(a: EventRecord, b: EventRecord): string[] {
  if (a.kind !== b.kind) return [];
  const names = [...new Set([...Object.keys(a.fields), ...Object.keys(b.fields)])];
  const differ = names.filter((name) => JSON.stringify(a.fields[name]) !== JSON.stringify(b.fields[name]));
  return a.core === b.core ? differ : ['core', ...differ];
}

/** Loud kinds that one log kept and the other did not, as far as their headers say. */
function keptByOne(a: EventLogHeader, b: EventLogHeader): string[] {
  if (a.trace === null || b.trace === null) return [];
  const [inA, inB] = [new Set(a.trace), new Set(b.trace)];
  const loud = [...inA, ...inB].filter((kind) => inA.has(kind) !== inB.has(kind));
  return loud.filter((kind) => !isEventKind(kind) || !EVENT_KINDS[kind].always);
}

function* filtered(lines: Iterable<ScannedLine>, wanted: (line: ScannedLine) => boolean): Generator<ScannedLine> {
  for (const line of lines) {
    if (wanted(line)) yield line;
  }
}

function next(lines: Generator<ScannedLine>): ScannedLine | null {
  const result = lines.next();
  return result.done === true ? null : result.value;
}

/** The event at hand and the few that follow. */
function placed(line: ScannedLine | null, following: Generator<ScannedLine>): PlacedEvent[] {
  const events: PlacedEvent[] = [];
  for (let at = line; at !== null; at = next(following)) {
    events.push(place(at));
    if (events.length === CONTEXT_EVENTS) break;
  }
  return events;
}

function place(line: ScannedLine): PlacedEvent {
  return { line: line.number, event: line.parse() };
}
