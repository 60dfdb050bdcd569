// SPDX-License-Identifier: GPL-2.0-only
/** Counts of events by kind, core and sort, made without parsing a line. */

import { showCount, showTime } from '#common/quantities.ts';
import type { ScannedLine } from './log-file.ts';
import type { Paint } from '#workbench/cli/terminal-style.ts';
import { printable, showSyndrome } from './show-event.ts';

/** The field that divides events of a kind into sorts. */
const SORTED_BY: Readonly<Record<string, string>> = {
  memory: 'what',
  power: 'action',
  unmapped: 'access',
  uart: 'what',
  'mmio-unknown': 'device',
  device: 'device',
  exception: 'esr',
  irq: 'taken',
  mmu: 'op',
  mmio: 'device',
  sysreg: 'register',
  'sysreg-unknown': 'register',
  psci: 'function',
  timer: 'what',
  buddy: 'op',
  heap: 'op',
  process: 'op',
  syscall: 'name',
};

/** Limit of the sorts, because a guest chooses some of the names. */
const MOST_SORTS = 64;

/** Counts of one kind. */
export interface KindCount {
  readonly kind: string;
  readonly events: number;
  /** Bytes of the log. */
  readonly bytes: number;
  readonly firstNs: number;
  readonly lastNs: number;
  /** Events by the value of the field that tells them apart, the most frequent first. */
  readonly sorts: Readonly<Record<string, number>>;
}

/** Counted over a whole log. */
export interface Statistics {
  readonly events: number;
  readonly firstNs: number;
  readonly lastNs: number;
  readonly byCore: Readonly<Record<string, number>>;
  /** The most frequent kind first. */
  readonly kinds: readonly KindCount[];
}

interface Tally {
  events: number;
  bytes: number;
  readonly firstNs: number;
  lastNs: number;
  readonly sorts: Map<string, number>;
  readonly marker: string | null;
}

/** Counts lines. */
export class StatisticsCounter {
  private readonly kinds = new Map<string, Tally>();
  private readonly cores = new Map<number, number>();
  private firstNs: number | null = null;
  private lastNs = 0;

  count(line: ScannedLine): void {
    const { t, core, kind, text } = line;
    this.firstNs ??= t;
    this.lastNs = t;
    this.cores.set(core, (this.cores.get(core) ?? 0) + 1);
    let tally = this.kinds.get(kind);
    if (tally === undefined) {
      const field = Object.hasOwn(SORTED_BY, kind) ? SORTED_BY[kind] : undefined;
      tally = {
        events: 0,
        bytes: 0,
        firstNs: t,
        lastNs: t,
        sorts: new Map(),
        marker: field === undefined ? null : `,"${field}":`,
      };
      this.kinds.set(kind, tally);
    }
    tally.events++;
    tally.bytes += text.length + 1;
    tally.lastNs = t;
    if (tally.marker !== null) countSort(tally.sorts, text, tally.marker);
  }

  result(): Statistics {
    const kinds = [...this.kinds].map(([kind, { events, bytes, firstNs, lastNs, sorts }]) => ({
      kind,
      events,
      bytes,
      firstNs,
      lastNs,
      sorts: Object.fromEntries(
        [...sorts]
          .sort(([, a], [, b]) => b - a)
          .map(([sort, n]) => [kind === 'exception' ? showSyndrome(Number(sort)) : sort, n]),
      ),
    }));
    const events = kinds.reduce((sum, one) => sum + one.events, 0);
    const byCore = Object.fromEntries([...this.cores].sort(([a], [b]) => a - b));
    kinds.sort((a, b) => b.events - a.events);
    return { events, firstNs: this.firstNs ?? 0, lastNs: this.lastNs, byCore, kinds };
  }
}

/** Adds the value after `marker`: the first field of that name, as the writer put it. */
function countSort(sorts: Map<string, number>, text: string, marker: string): void {
  const at = text.indexOf(marker);
  if (at < 0) return;
  const start = at + marker.length;
  const quoted = text.charCodeAt(start) === QUOTE;
  const end = quoted ? text.indexOf('"', start + 1) : endOfNumber(text, start);
  const value = text.slice(quoted ? start + 1 : start, end);
  const known = sorts.get(value);
  if (known !== undefined) sorts.set(value, known + 1);
  // A copy: a slice would keep the whole chunk of the file alive.
  else if (sorts.size < MOST_SORTS) sorts.set(Buffer.from(value).toString(), 1);
  else sorts.set(OTHERS, (sorts.get(OTHERS) ?? 0) + 1);
}

const QUOTE = '"'.charCodeAt(0);
const OTHERS = '(others)';

function endOfNumber(text: string, start: number): number {
  const comma = text.indexOf(',', start);
  return comma < 0 ? text.length - 1 : comma;
}

const SHOWN_SORTS = 6;

/** The statistics for people. */
export function showStatistics({ events, firstNs, lastNs, byCore, kinds }: Statistics, paint: Paint): string {
  const cores = Object.entries(byCore).map(([core, n]) => `core ${core}: ${showCount(n)}`);
  const rows = kinds.map(({ kind, events: n, bytes, firstNs: from, lastNs: to, sorts }) => {
    const names = Object.entries(sorts);
    const shown = names.slice(0, SHOWN_SORTS).map(([name, count]) => `${printable(name)} ${showCount(count)}`);
    if (names.length > SHOWN_SORTS) shown.push(`${names.length - SHOWN_SORTS} more`);
    const numbers = [showCount(n), showCount(bytes), showTime(from), showTime(to)]
      .map((cell) => cell.padStart(11))
      .join('');
    return `${paint('bold', printable(kind).padEnd(15))}${numbers}  ${shown.join(', ')}`;
  });
  const head = paint(
    'dim',
    `${'kind'.padEnd(15)}${['events', 'bytes', 'first', 'last'].map((cell) => cell.padStart(11)).join('')}`,
  );
  const total = `${showCount(events)} events in ${showTime(lastNs - firstNs)} · ${cores.join(', ')}`;
  return `${[total, head, ...rows].join('\n')}\n`;
}
