// SPDX-License-Identifier: GPL-2.0-only
/**
 * Compares a log with a golden one, for tests: the first event that differs and is not masked.
 *
 * A golden log is an event log whose header lists masks. `--update` makes it, or makes it again and
 * keeps its masks. Header, board and options are not compared, but their differences are shown.
 *
 * | mask | means |
 * |---|---|
 * | `KIND` | events of this kind do not count at all |
 * | `KIND.FIELD` | any value of this field is right; `t` and `core` are fields too |
 * | `KIND.FIELD~REGEX` | what the regular expression matches in this field's text may be anything |
 *
 * `*` stands for every kind: `*.t` lets all times vary. Masked values are written as `*` into a
 * golden log, so that it changes only when something that counts does.
 */

import { existsSync } from 'node:fs';
import { ReplacedFile } from '#workbench/files/output-file.ts';
import { InputError } from '#workbench/input-error.ts';
import { type EventLogHeader, eventHeaderLine } from './event-header.ts';
import { eventLine, type EventRecord } from './event-lines.ts';
import type { Paint } from '#workbench/cli/terminal-style.ts';
import { acceptor, type EventFilter, readEventLogHeader, scanLog } from './read-event-log.ts';
import { asText } from './run-summary.ts';
import { showValue } from './show-event.ts';
import { compareLines, type LogLines, type PlacedEvent, showDivergence } from './compare.ts';

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
  /** Differences between the two headers: the first place to look. */
  readonly headers: readonly string[];
}

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
  const header = readGoldenHeader(golden);
  const mask = masker([...header.masks, ...extraMasks]);
  const { divergence } = compareLines(maskedLines(golden, mask, filter), maskedLines(path, mask, filter));
  if (divergence === null) return null;
  const {
    before,
    first: [expected = null],
    second: [found = null],
  } = divergence;
  const otherTime = expected?.event.kind === found?.event.kind && expected?.event.t !== found?.event.t;
  const fields = otherTime ? ['t', ...divergence.fields] : divergence.fields;
  return { expected, found, before, fields, headers: headerDifferences(header, path) };
}

/**
 * Makes the log at `path` the golden log at `golden`, with the masks of the existing golden log and
 * `extraMasks`. The replacement is one step: a reader sees the old log or the new one.
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
    for (const { text } of maskedLines(path, mask, filter)) {
      file.write(text);
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

function* maskedLines(path: string, mask: Masker, filter: EventFilter): LogLines {
  const accepts = acceptor(filter);
  for (const line of scanLog(path)) {
    const event = accepts(line) ? mask(line.parse()) : null;
    if (event === null) continue;
    const text = eventLine(event);
    yield { number: line.number, t: event.t, text, key: text };
  }
  return undefined;
}

function headerDifferences(golden: EventLogHeader, path: string): string[] {
  const log = readEventLogHeader(path);
  return (['board', 'seed', 'trace', 'options'] as const)
    .filter((name) => JSON.stringify(golden[name]) !== JSON.stringify(log[name]))
    .map((name) => `${name} is ${showValue(log[name])}, the golden log was made with ${showValue(golden[name])}`);
}

/** The difference for people, with what can be done about it. */
export function showGoldenDifference(
  { expected, found, before, fields, headers }: GoldenDifference,
  golden: string,
  paint: Paint,
): string {
  const kind = (expected ?? found)?.event.kind ?? '';
  const masks = fields.length === 0 ? [kind] : fields.map((field) => `${kind}.${field}`);
  const lines = [
    `differs from ${golden}: ${how(expected, found, fields)}`,
    ...headers.map((text) => `  note: ${text}`),
    ...showDivergence(
      { before, first: expected === null ? [] : [expected], second: found === null ? [] : [found] },
      paint,
    ),
    `to let it vary: --mask "${masks.join('" --mask "')}"; to take the log as it is now: --update (with --mask to keep the mask)`,
  ];
  return `${lines.join('\n')}\n`;
}

function how(expected: PlacedEvent | null, found: PlacedEvent | null, fields: readonly string[]): string {
  if (expected === null) return 'the log goes on where the golden log ends';
  if (found === null) return 'the log ends where the golden log goes on';
  const { kind } = expected.event;
  return fields.length === 0 ? `${found.event.kind} where ${kind} is expected` : `${fields.join(', ')} of ${kind}`;
}

/** Replaces masked values; null for an event that does not count. */
export type Masker = (event: EventRecord) => EventRecord | null;

const MASKED = '*';

/**
 * All of `masks`, one after the other.
 * @throws InputError for a mask that cannot be read: the message names it and the forms that can
 */
export function masker(masks: readonly string[]): Masker {
  const parsed = masks.map(parseMask);
  return (event) => parsed.reduce<EventRecord | null>((masked, mask) => (masked === null ? null : mask(masked)), event);
}

function parseMask(mask: string): Masker {
  const match = /^([a-z-]+|\*)(?:\.([^~]+)(?:~(.+))?)?$/s.exec(mask);
  const [, kind, field, expression] = match ?? [];
  if (kind === undefined || (kind === MASKED && field === undefined)) {
    throw new InputError(`mask "${mask}": write KIND, KIND.FIELD or KIND.FIELD~REGEX; * stands for every kind`);
  }
  const pattern = expression === undefined ? null : parsePattern(mask, expression);
  return (event) => {
    if (kind !== MASKED && kind !== event.kind) return event;
    if (field === undefined) return null;
    // Stamps are numbers: zero stands for any.
    if (field === 't' || field === 'core') return { ...event, [field]: 0 };
    if (!Object.hasOwn(event.fields, field)) return event;
    const masked = pattern === null ? MASKED : asText(event.fields[field]).replace(pattern, MASKED);
    return { ...event, fields: { ...event.fields, [field]: masked } };
  };
}

function parsePattern(mask: string, expression: string): RegExp {
  let pattern: RegExp;
  try {
    pattern = new RegExp(expression, 'gu');
  } catch (error) {
    throw new InputError(`mask "${mask}": ${(error as Error).message}`);
  }
  if (''.replace(pattern, 'x') !== '') {
    throw new InputError(`mask "${mask}": the regular expression matches even nothing at all; write + instead of *`);
  }
  return pattern;
}
