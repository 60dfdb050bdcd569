/** The comparison of two logs: where the runs part, and what is different about them. */

import { acceptor, type EventFilter } from './event-filter.ts';
import { type Difference, explainDifferences } from './explain-differences.ts';
import { Facts } from './facts.ts';
import { type Comparison, compareLogs, type Divergence, type PlacedEvent } from './first-divergence.ts';
import type { Paint } from './paint.ts';
import { readEventLogHeader, scanLog } from './read-event-log.ts';
import { showEvent, showStamp, showValue } from './show-event.ts';

/** All that is different between two runs. */
export interface LogDifference extends Comparison {
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
  const first = { path: before, header: readEventLogHeader(before) };
  const second = { path: after, header: readEventLogHeader(after) };
  const comparison = compareLogs(first, second, acceptor(filter));
  const differences = explainDifferences(
    { header: first.header, facts: factsOf(before) },
    { header: second.header, facts: factsOf(after) },
  );
  const identical = comparison.divergence === null && comparison.time === null && differences.length === 0;
  return { ...comparison, identical, differences };
}

/** What the log at `path` says of the whole run. @throws InputError, EventFormatError */
export function factsOf(path: string): Facts {
  const facts = new Facts();
  for (const line of scanLog(path)) facts.take(line);
  return facts;
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
    const what = showEvent(time.first.event, paint).trim();
    lines.push(
      `first at another time, ${showStamp(time.second.event.t)} (line ${time.second.line}) instead of line ${time.first.line}:`,
      `    ${what}`,
    );
  }
  if (divergence === null) lines.push(`the ${same} events are the same, in the same order`);
  else lines.push(...showDivergence(divergence, paint));
  return `${lines.join('\n')}\n`;
}

function showDivergence({ index, before, first, second, fields }: Divergence, paint: Paint): string[] {
  const row = (sign: string, { line, event }: PlacedEvent): string =>
    `${sign} ${String(line).padStart(7)} ${showEvent(event, paint)}`;
  const [a, b] = [first[0]?.event, second[0]?.event];
  const what =
    a === undefined || b === undefined
      ? `the ${a === undefined ? 'first' : 'second'} log ends here`
      : fields.length === 0
        ? `${b.kind} instead of ${a.kind}`
        : fields
            .map(
              (name) =>
                `${name} is ${showValue(b.fields[name] ?? (name === 'core' ? b.core : undefined))} instead of ${showValue(a.fields[name] ?? (name === 'core' ? a.core : undefined))}`,
            )
            .join(', ');
  return [
    `the runs part at event ${index}: ${what}`,
    ...before.map((event) => row(' ', event)),
    ...first.map((event) => paint('red', row('-', event))),
    ...second.map((event) => paint('green', row('+', event))),
  ];
}
