/**
 * A log held against a golden one, for tests: the first event that differs and is not masked.
 *
 * A golden log is an event log whose header lists masks (masks.ts). It is made and remade with
 * `--update`, which keeps its masks; header, board and options are not compared, but told when they
 * differ.
 */

import { existsSync } from 'node:fs';
import { type EventLogHeader, eventHeaderLine } from './event-header.ts';
import { eventLine } from './event-lines.ts';
import type { EventRecord } from './event-lines.ts';
import { ReplacedFile } from '#workbench/files/output-file.ts';
import { InputError } from '#workbench/machine/input-error.ts';
import { acceptor, type EventFilter } from './event-filter.ts';
import { differingFields, type PlacedEvent } from './first-divergence.ts';
import { type Masker, masker } from './masks.ts';
import type { Paint } from './paint.ts';
import { readEventLogHeader, scanLog } from './read-event-log.ts';
import { showEvent, showValue } from './show-event.ts';

/** The first event that is not as the golden log has it. Masked values are `*`. */
export interface GoldenDifference {
  /** Null where the golden log has ended. */
  readonly expected: PlacedEvent | null;
  /** Null where the log has ended. */
  readonly found: PlacedEvent | null;
  /** The last events that agree. */
  readonly before: readonly PlacedEvent[];
  /** Names that differ, when the kinds agree: "t", "core", or a field. */
  readonly fields: readonly string[];
  /** What the two headers say differently: a reason to look at first. */
  readonly headers: readonly string[];
}

const CONTEXT_EVENTS = 3;

/**
 * Compares the log at `path` with the golden log at `golden`, in constant memory.
 * @param extraMasks beside those in the golden log's header
 * @param filter applies to both
 * @returns null when they agree
 * @throws InputError for a file that cannot be read or a mask; EventFormatError
 */
export function compareWithGolden(
  path: string,
  golden: string,
  extraMasks: readonly string[] = [],
  filter: EventFilter = {},
): GoldenDifference | null {
  const goldenHeader = readGoldenHeader(golden);
  const mask = masker([...goldenHeader.masks, ...extraMasks]);
  const found = maskedEvents(path, mask, filter);
  const expected = maskedEvents(golden, mask, filter);
  const before: PlacedEvent[] = [];
  try {
    for (;;) {
      const is = next(found);
      const should = next(expected);
      if (is === null && should === null) return null;
      if (is === null || should === null || eventLine(is.event) !== eventLine(should.event)) {
        const headers = headerDifferences(goldenHeader, readEventLogHeader(path));
        return { expected: should, found: is, before, fields: fieldsOf(should, is), headers };
      }
      before.push(is);
      if (before.length > CONTEXT_EVENTS) before.shift();
    }
  } finally {
    found.return(undefined);
    expected.return(undefined);
  }
}

/**
 * Makes the log at `path` the golden log at `golden`, with the masks of the one that is there and
 * `extraMasks`. In one step: a reader sees the old one or the new one.
 * @returns number of events
 * @throws InputError, EventFormatError
 */
export function updateGolden(
  path: string,
  golden: string,
  extraMasks: readonly string[] = [],
  filter: EventFilter = {},
): number {
  const kept = existsSync(golden) ? readGoldenHeader(golden).masks : [];
  const masks = [...new Set([...kept, ...extraMasks])];
  const mask = masker(masks);
  const file = new ReplacedFile('', golden);
  let events = 0;
  try {
    file.write(eventHeaderLine({ ...readEventLogHeader(path), masks }));
    for (const { event } of maskedEvents(path, mask, filter)) {
      file.write(eventLine(event));
      events++;
    }
    file.commit();
  } finally {
    file.discard();
  }
  return events;
}

function readGoldenHeader(golden: string): EventLogHeader {
  if (!existsSync(golden)) throw new InputError(`${golden}: there is no golden log; make it with --update`);
  return readEventLogHeader(golden);
}

function* maskedEvents(path: string, mask: Masker, filter: EventFilter): Generator<PlacedEvent> {
  const accepts = acceptor(filter);
  for (const line of scanLog(path)) {
    if (!accepts(line)) continue;
    const event = mask(line.parse());
    if (event !== null) yield { line: line.number, event };
  }
}

function next(events: Generator<PlacedEvent>): PlacedEvent | null {
  const result = events.next();
  return result.done === true ? null : result.value;
}

function fieldsOf(expected: PlacedEvent | null, found: PlacedEvent | null): string[] {
  if (expected === null || found === null || expected.event.kind !== found.event.kind) return [];
  const names = differingFields(expected.event, found.event);
  return expected.event.t === found.event.t ? names : ['t', ...names];
}

function headerDifferences(golden: EventLogHeader, log: EventLogHeader): string[] {
  const names = ['board', 'seed', 'trace', 'options'] as const;
  return names
    .filter((name) => JSON.stringify(golden[name]) !== JSON.stringify(log[name]))
    .map((name) => `${name} is ${showValue(log[name])}, the golden log was made with ${showValue(golden[name])}`);
}

/** The difference for people, with what can be done about it. */
export function showGoldenDifference(
  { expected, found, before, fields, headers }: GoldenDifference,
  golden: string,
  paint: Paint,
): string {
  const row = (sign: string, line: number, event: EventRecord): string =>
    `${sign} ${String(line).padStart(7)} ${showEvent(event, paint)}`;
  const kind = expected?.event.kind ?? found?.event.kind ?? '';
  const what =
    expected === null
      ? 'the log goes on where the golden log ends'
      : found === null
        ? 'the log ends where the golden log goes on'
        : fields.length === 0
          ? `${found.event.kind} where ${kind} is expected`
          : `${fields.join(', ')} of ${kind}`;
  const masks = fields.length === 0 ? [kind] : fields.map((field) => `${kind}.${field}`);
  const lines = [
    `differs from ${golden}: ${what}`,
    ...headers.map((text) => `  note: ${text}`),
    ...before.map(({ line, event }) => row(' ', line, event)),
    ...(expected === null ? [] : [paint('red', row('-', expected.line, expected.event))]),
    ...(found === null ? [] : [paint('green', row('+', found.line, found.event))]),
    `to let it vary: --mask "${masks.join('" --mask "')}"; to take the log as it is now: --update (with --mask to keep the mask)`,
  ];
  return `${lines.join('\n')}\n`;
}
