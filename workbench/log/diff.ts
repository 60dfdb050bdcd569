// SPDX-License-Identifier: GPL-2.0-only
/**
 * The comparison of two logs: the first different event, and the differences between the runs.
 *
 * The first different event is found without regard to times; the first different time is reported
 * separately. A kind that only one of the logs kept does not count either.
 */

import { compareLines, type LogLines, type Divergence, place, type PlacedEvent, showDivergence } from './compare.ts';
import { type Difference, differencesOf } from './differences.ts';
import { EVENT_KINDS, isEventKind } from '#workbench/machine/event-kinds.ts';
import type { Paint } from '#workbench/cli/terminal-style.ts';
import { acceptor, type EventFilter, readEventLogHeader, scanLog } from './read-event-log.ts';
import { summaryOf } from './run-summary.ts';
import { showEvent, showStamp, showValue } from './show-event.ts';

/** All that is different between two runs. */
export interface LogDifference {
  /** The first event, counted from 1, that is not in both; null when there is none. */
  readonly divergence: (Divergence & { readonly index: number }) | null;
  /** The first event that both have, at different times, before they part. */
  readonly time: { readonly first: PlacedEvent; readonly second: PlacedEvent } | null;
  /** Kinds that only one of them kept. */
  readonly notCompared: readonly string[];
  /** Events that both have before they part. */
  readonly same: number;
  /** True when both have the same events at the same times. */
  readonly identical: boolean;
  /** Layout, free counts, panics, stages: sentences, causes first. */
  readonly differences: readonly Difference[];
}

/**
 * Compares two log files, in constant memory. `filter` chooses the events among which the first
 * difference is looked for; {@link LogDifference.differences} do not depend on it.
 * @throws InputError when a file cannot be read; EventFormatError
 */
export function diffEventLogs(before: string, after: string, filter: EventFilter = {}): LogDifference {
  const headers = [readEventLogHeader(before), readEventLogHeader(after)] as const;
  const notCompared = keptByOne(headers[0].trace, headers[1].trace);
  const accepts = acceptor(filter);
  function* linesOf(path: string): LogLines {
    for (const line of scanLog(path)) {
      if (notCompared.includes(line.kind) || !accepts(line)) continue;
      yield { number: line.number, t: line.t, text: line.text, key: line.afterTime };
    }
    return undefined;
  }
  let time: LogDifference['time'] = null;
  const { same, divergence: first } = compareLines(linesOf(before), linesOf(after), (a, b) => {
    if (a.t !== b.t) time ??= { first: place(a), second: place(b) };
  });
  const divergence = first === null ? null : { index: same + 1, ...first };
  const differences = differencesOf(
    { header: headers[0], ...summaryOf(before) },
    { header: headers[1], ...summaryOf(after) },
  );
  const identical = divergence === null && time === null && differences.length === 0;
  return { divergence, time, notCompared, same, identical, differences };
}

/** Kinds that one log kept and the other did not, as far as their headers say. */
function keptByOne(a: readonly string[] | null, b: readonly string[] | null): string[] {
  if (a === null || b === null) return [];
  const one = [...new Set([...a, ...b])].filter((kind) => a.includes(kind) !== b.includes(kind));
  return one.filter((kind) => !isEventKind(kind) || !EVENT_KINDS[kind].always);
}

/** The comparison for people. */
export function showDifference(difference: LogDifference, before: string, after: string, paint: Paint): string {
  const { identical, differences, divergence, time, notCompared, same } = difference;
  if (identical) return `no difference: both logs have the same ${same} events at the same times\n`;
  const lines = [`from ${before} to ${after}:`];
  for (const { topic, text } of differences) lines.push(`  ${paint('bold', topic.padEnd(12))}${text}`);
  if (differences.length === 0) lines.push('  the runs agree in options, memory layout, free frames, stages and end');
  lines.push('');
  if (notCompared.length > 0) lines.push(`kept by one log only, not compared: ${notCompared.join(', ')}`);
  if (time !== null) {
    lines.push(
      `first at another time, ${showStamp(time.second.event.t)} (line ${time.second.line}) instead of line ${time.first.line}:`,
      `    ${showEvent(time.first.event, paint).trim()}`,
    );
  }
  if (divergence === null) lines.push(`the ${same} events are the same, in the same order`);
  else {
    lines.push(`the runs part at event ${divergence.index}: ${how(divergence)}`, ...showDivergence(divergence, paint));
  }
  return `${lines.join('\n')}\n`;
}

function how({ first, second, fields }: Divergence): string {
  const [a, b] = [first[0]?.event, second[0]?.event];
  if (a === undefined || b === undefined) return `the ${a === undefined ? 'first' : 'second'} log ends here`;
  if (fields.length === 0) return `${b.kind} instead of ${a.kind}`;
  const value = ({ core, fields: named }: typeof a, name: string): string =>
    showValue(named[name] ?? (name === 'core' ? core : undefined));
  return fields.map((name) => `${name} is ${value(b, name)} instead of ${value(a, name)}`).join(', ');
}
