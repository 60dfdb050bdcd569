// SPDX-License-Identifier: GPL-2.0-only
/**
 * The comparison of two logs: where the runs part, and what is different about them.
 *
 * Times do not count for where they part. A run that does the same a little later has not parted;
 * where the times first differ is told beside it. A kind that only one of the two logs kept does
 * not count either.
 */

import { type Difference, differencesOf } from './differences.ts';
import type { EventLogHeader } from './event-header.ts';
import { EVENT_KINDS, isEventKind } from './event-kinds.ts';
import type { ScannedLine } from './log-file.ts';
import type { Paint } from '#workbench/cli/terminal-style.ts';
import { acceptor, type EventFilter, readEventLogHeader, scanLog } from './read-event-log.ts';
import { summaryOf } from './run-summary.ts';
import { showEvent, showStamp, showValue } from './show-event.ts';
import {
  type ComparedLine,
  differingFields,
  type Parting,
  place,
  type PlacedEvent,
  showParting,
  walkTogether,
} from './side-by-side.ts';

/** The first difference of two runs. */
export interface Divergence extends Parting {
  /** Events, counted from 1, up to and with the first that differs. */
  readonly index: number;
  /** Names of the fields that differ, when both events are of one kind: "core", or a field. */
  readonly fields: readonly string[];
}

/** All that is different between two runs. */
export interface LogDifference {
  /** Null when both have the same events in the same order. */
  readonly divergence: Divergence | null;
  /**
   * The first event that both have, at different times; null when there is none before they part.
   */
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
 * Compares the log files at `before` and `after`, in constant memory. `filter` chooses the events
 * among which the first difference is looked for; what is said of the runs as wholes does not
 * depend on it.
 *
 *     diffEventLogs('8g.log', '2g.log').differences.map(({ text }) => text);
 *
 * @throws InputError when a file cannot be read; EventFormatError when it is not an event log of
 * this version
 */
export function diffEventLogs(before: string, after: string, filter: EventFilter = {}): LogDifference {
  const headers = [readEventLogHeader(before), readEventLogHeader(after)] as const;
  const notCompared = keptByOne(...headers);
  const accepts = acceptor(filter);
  const wanted = (line: ScannedLine): boolean => !notCompared.includes(line.kind) && accepts(line);
  let time: LogDifference['time'] = null;
  const { same, parting } = walkTogether(linesOf(before, wanted), linesOf(after, wanted), (a, b) => {
    if (a.t !== b.t) time ??= { first: place(a), second: place(b) };
  });
  const fields = differingFields(parting?.first[0]?.event, parting?.second[0]?.event);
  const divergence = parting === null ? null : { index: same + 1, ...parting, fields };
  const differences = differencesOf(
    { header: headers[0], summary: summaryOf(before) },
    { header: headers[1], summary: summaryOf(after) },
  );
  const identical = divergence === null && time === null && differences.length === 0;
  return { divergence, time, notCompared, same, identical, differences };
}

function* linesOf(path: string, wanted: (line: ScannedLine) => boolean): Generator<ComparedLine> {
  for (const line of scanLog(path)) {
    if (wanted(line)) yield { line: line.number, t: line.t, text: line.text, key: line.behindTime };
  }
}

/** Loud kinds that one log kept and the other did not, as far as their headers say. */
function keptByOne(a: EventLogHeader, b: EventLogHeader): string[] {
  if (a.trace === null || b.trace === null) return [];
  const [inA, inB] = [new Set(a.trace), new Set(b.trace)];
  const loud = [...inA, ...inB].filter((kind) => inA.has(kind) !== inB.has(kind));
  return loud.filter((kind) => !isEventKind(kind) || !EVENT_KINDS[kind].always);
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
  else lines.push(`the runs part at event ${divergence.index}: ${how(divergence)}`, ...showParting(divergence, paint));
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
