/** Reading event logs from code: the library's side of `npm run log`. */

import type { EventLogHeader } from './event-header.ts';
import { EventFormatError } from './event-header.ts';
import type { EventKind, LogEvent } from './event-kinds.ts';
import { acceptor, type EventFilter } from './event-filter.ts';
import { LogCursor, type ScannedLine } from './log-file.ts';

/**
 * The events of the log file at `path`, oldest first, one at a time: memory does not grow with the
 * file. Events that `filter` rejects by kind, core or time are not parsed.
 *
 *     for (const { t, fields } of readEventLog('boot.log', { kinds: ['panic'] })) console.log(t, fields.reason);
 *
 * The types are what this version writes. Lines of other writers are not held against them.
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
 * What the first line of the log file at `path` says of the run.
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
