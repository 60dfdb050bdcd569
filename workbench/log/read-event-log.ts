// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reading event logs from code: the library's side of `npm run log`. Which events are wanted is
 * decided by the stamps alone, but for `grep`.
 */

import { EventFormatError, type EventLogHeader } from './event-header.ts';
import type { EventKind, LogEvent } from '#workbench/machine/event-kinds.ts';
import { LogCursor, type ScannedLine } from './log-file.ts';

/**
 * The events of the log file at `path`, oldest first, one at a time: memory does not grow with the
 * file. Events that `filter` rejects by kind, core or time are not parsed.
 *
 *     for (const { t, fields } of readEventLog('boot.log', { kinds: ['panic'] })) console.log(t, fields.reason);
 *
 * The types are those that this version writes. Lines of other writers are not checked against
 * them.
 *
 * @throws InputError when the file cannot be read; EventFormatError, with the line, when it is not
 * an event log of this version or was cut off. Both when the events are asked for, not before.
 */
export function* readEventLog<K extends EventKind = EventKind>(
  path: string,
  filter: EventFilter & { readonly kinds?: readonly K[] } = {},
): Generator<LogEvent<K>> {
  const accepts = acceptor(filter);
  for (const line of scanLog(path)) {
    if (accepts(line)) yield line.parse() as LogEvent<K>;
  }
}

/**
 * The header of the log file at `path`.
 * @throws InputError, EventFormatError
 */
export function readEventLogHeader(path: string): EventLogHeader {
  const cursor = new LogCursor(path);
  try {
    const first = cursor.available().next();
    if (cursor.header === null && first.done === true) cursor.all().next();
    if (cursor.header === null) throw new EventFormatError(1, 'no header');
    return cursor.header;
  } finally {
    cursor.close();
  }
}

/** The lines of a log that no longer grows. @throws InputError, EventFormatError */
export function* scanLog(path: string): Generator<ScannedLine> {
  const cursor = new LogCursor(path);
  try {
    yield* cursor.all();
  } finally {
    cursor.close();
  }
}

/** Conditions for an event; all given ones must hold. */
export interface EventFilter {
  readonly kinds?: readonly string[] | undefined;
  readonly cores?: readonly number[] | undefined;
  /** Simulated nanoseconds, both ends included. */
  readonly fromNs?: number | undefined;
  readonly toNs?: number | undefined;
  /** Matched against the event's line as it is in the file, with quotes not escaped. */
  readonly grep?: RegExp | undefined;
}

/** The filter as a function, prepared once for many lines. */
export function acceptor({
  kinds,
  cores,
  fromNs = 0,
  toNs = Infinity,
  grep,
}: EventFilter): (line: ScannedLine) => boolean {
  const wantedKinds = kinds === undefined ? null : new Set(kinds);
  const wantedCores = cores === undefined ? null : new Set(cores);
  return (line) =>
    (wantedKinds === null || wantedKinds.has(line.kind)) &&
    (wantedCores === null || wantedCores.has(line.core)) &&
    line.t >= fromNs &&
    line.t <= toNs &&
    (grep === undefined || matches(grep, line.text));
}

function matches(grep: RegExp, text: string): boolean {
  grep.lastIndex = 0;
  return grep.test(text.includes('\\"') ? text.replaceAll('\\"', '"') : text);
}
