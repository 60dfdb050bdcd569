// SPDX-License-Identifier: GPL-2.0-only
/** The timeline of a run: its stages with how long each took, and what interrupted them. */

import { showCount, showTime } from '#common/quantities.ts';
import type { EventLogHeader } from './event-header.ts';
import type { EventRecord } from './event-lines.ts';
import { asText, type RunSummary } from './run-summary.ts';
import type { Paint } from '#workbench/cli/terminal-style.ts';
import { printable, showFields, showOption, showValue } from './show-event.ts';

/** A stretch of the run, or a moment, which has no duration. */
export interface TimelineEntry {
  readonly atNs: number;
  /** Until the next stretch begins. */
  readonly tookNs: number | null;
  readonly kind: string;
  readonly title: string;
}

/**
 * Stretches: a boot (everything before the first stage) and the stages. Panic, power and stop are
 * moments.
 */
const STRETCHES: ReadonlySet<string> = new Set(['boot', 'stage']);

/** The timeline of a run, in order. */
export function timeline({ marks, endNs }: RunSummary): TimelineEntry[] {
  return marks.map((mark, index) => {
    const { t: atNs, kind } = mark;
    const next = marks.slice(index + 1).find((later) => STRETCHES.has(later.kind));
    return { atNs, tookNs: STRETCHES.has(kind) ? (next?.t ?? endNs) - atNs : null, kind, title: titleOf(mark) };
  });
}

function titleOf({ kind, core, fields }: EventRecord): string {
  const { number, name, reason } = fields;
  switch (kind) {
    case 'boot':
      return 'power on: firmware, kernel entry';
    case 'stage':
      return `stage ${showValue(number)}: ${printable(asText(name))}`;
    case 'panic':
      return `PANIC: ${printable(asText(reason))}`;
    case 'stop':
      return `end: ${printable(asText(reason))}`;
    default:
      return `${kind}: ${showFields(fields)} (core ${core})`;
  }
}

const BAR_WIDTH = 24;
const TIME_WIDTH = 10;

/** The timeline for people. */
export function showTimeline(header: EventLogHeader, run: RunSummary, paint: Paint): string {
  const entries = timeline(run);
  const longest = Math.max(1, ...entries.map(({ tookNs }) => tookNs ?? 0));
  const rows = entries.map(({ atNs, tookNs, kind, title }) => {
    const bar = tookNs === null ? '' : '█'.repeat(Math.round((BAR_WIDTH * tookNs) / longest));
    const times = `${showTime(atNs).padStart(TIME_WIDTH)}  ${(tookNs === null ? '' : showTime(tookNs)).padStart(TIME_WIDTH)}`;
    const style = kind === 'panic' ? 'red' : kind === 'stage' ? 'bold' : 'dim';
    return `${times}  ${paint('cyan', bar.padEnd(BAR_WIDTH))}  ${paint(style, title)}`;
  });
  if (run.stop === null) {
    const cut = 'no end: the run was killed, is still running, or met a fault of the emulator';
    rows.push(
      `${showTime(run.endNs).padStart(TIME_WIDTH)}  ${' '.repeat(TIME_WIDTH + 2 + BAR_WIDTH)}  ${paint('yellow', cut)}`,
    );
  }
  const head = paint('dim', `${'at'.padStart(TIME_WIDTH)}  ${'took'.padStart(TIME_WIDTH)}`);
  return `${[aboutLine(header, run), head, ...rows].join('\n')}\n`;
}

/** One line about the run: board, settings, size of the log. */
function aboutLine({ board, seed, options }: EventLogHeader, { events, endNs }: RunSummary): string {
  const parts = [
    board === null ? 'board not said' : printable(board),
    ...Object.entries(options).map(([name, value]) => `${printable(name)} ${showOption(name, value)}`),
    ...(seed === null ? [] : [`seed=${printable(seed)}`]),
    `${showCount(events)} events`,
    `${showTime(endNs)} simulated`,
  ];
  return parts.join(' · ');
}
