// SPDX-License-Identifier: GPL-2.0-only
/**
 * An event log as a trace for ui.perfetto.dev, chrome://tracing and other viewers.
 *
 * ```
 *   the board    boot stages   [ stage 1 ][  stage 2  ][ stage 3 …        stretches
 *                serial line, memory, devices, power                      instants, free frames as a counter
 *   core 0       exceptions, MMIO, registers and calls, kernel            instants
 *                interrupts    [ acknowledged … ended ]                   stretches
 *   core 1 …
 * ```
 *
 * Specification: "Trace Event Format", JSON object form. Times are microseconds.
 *
 * Perfetto's own reader (its src/trace_processor/importers/json) adds to that. It names a thread by
 * its number alone, so no two lanes may have one number. It cuts what is below a nanosecond. It
 * warns of `displayTimeUnit`, which earlier versions took for the unit of `ts`.
 */

import { ReplacedFile } from '#workbench/files/output-file.ts';
import type { EventRecord } from './event-lines.ts';
import { acceptor, type EventFilter, readEventLogHeader, scanLog } from './read-event-log.ts';
import { asText, summaryOf } from './run-summary.ts';
import { showSyndrome, showValue } from './show-event.ts';
import { timeline } from './timeline.ts';

/** The trace's process for the board. Core N is process FIRST_CORE + N. */
const BOARD = 1;
const FIRST_CORE = 2;

/** Lanes are threads of the trace: lane N, from 1, of process P is P * LANES_OF_PROCESS + N. */
const LANES_OF_PROCESS = 100;
const BOARD_LANES = ['boot stages', 'serial line', 'memory', 'devices', 'power'] as const;
const CORE_LANES = ['exceptions', 'interrupts', 'MMIO', 'registers and calls', 'kernel'] as const;
type Lane = (typeof BOARD_LANES)[number] | (typeof CORE_LANES)[number];

/** The lane of each kind of event. Boot, stage, panic and stop come from the timeline. */
const LANES: Readonly<Record<string, Lane>> = {
  serial: 'serial line',
  memory: 'memory',
  fault: 'memory',
  unmapped: 'devices',
  uart: 'devices',
  'mmio-unknown': 'devices',
  'sysreg-unknown': 'devices',
  device: 'devices',
  power: 'power',
  exception: 'exceptions',
  irq: 'interrupts',
  mmio: 'MMIO',
  sysreg: 'registers and calls',
  psci: 'registers and calls',
  timer: 'registers and calls',
};

/** An event of the trace. */
type TraceEvent = Readonly<Record<string, unknown>>;

/** Trace events gathered before they are written. */
const PIECE = 1000;

/**
 * Writes the events of the log at `path` that `filter` accepts to `file`. Memory does not grow with
 * the log.
 * @returns number of trace events, without those that name lanes
 * @throws InputError, EventFormatError
 */
export function writePerfetto(path: string, file: string, filter: EventFilter = {}): number {
  const { board, seed, options } = readEventLogHeader(path);
  const output = new ReplacedFile('--perfetto', file);
  try {
    output.write(`${JSON.stringify({ otherData: { board, seed, options } }).slice(0, -1)},`);
    output.write('"traceEvents":[\n');
    let gathered: string[] = [];
    let written = 0;
    const cores = new Set<number>();
    for (const event of stagesOf(path)) gathered.push(JSON.stringify(event));
    for (const { core, event } of eventsOf(path, filter)) {
      cores.add(core);
      gathered.push(JSON.stringify(event));
      if (gathered.length < PIECE) continue;
      output.write(`${gathered.join(',\n')},\n`);
      written += gathered.length;
      gathered = [];
    }
    written += gathered.length;
    output.write([...gathered, ...namesOf(board, cores).map((event) => JSON.stringify(event))].join(',\n'));
    output.write('\n]}\n');
    output.commit();
    return written;
  } finally {
    output.discard();
  }
}

const laneNumber = (pid: number, lane: number): number => pid * LANES_OF_PROCESS + lane;

/** Microseconds whose nanoseconds are `ns` also where a reader multiplies and cuts. */
function microseconds(ns: number): number {
  const exact = ns / 1000;
  return Math.floor(exact * 1000) === ns ? exact : (ns + 0.001) / 1000;
}

function* stagesOf(path: string): Generator<TraceEvent> {
  for (const { atNs, tookNs, title: name, kind } of timeline(summaryOf(path))) {
    const place = { name, cat: kind, pid: BOARD, tid: laneNumber(BOARD, 1), ts: microseconds(atNs) };
    yield tookNs === null ? { ...place, ph: 'i', s: 'g' } : { ...place, ph: 'X', dur: microseconds(tookNs) };
  }
}

function* eventsOf(path: string, filter: EventFilter): Generator<{ core: number; event: TraceEvent }> {
  const accepts = acceptor(filter);
  const active = new ActiveInterrupts();
  for (const line of scanLog(path)) {
    if (!accepts(line) || STRETCHES.has(line.kind)) continue;
    const record = line.parse();
    const { core } = record;
    for (const event of record.kind === 'irq' ? active.add(record) : [instant(record)]) yield { core, event };
    const { freeFrames } = record.fields;
    if (record.kind === 'memory' && typeof freeFrames === 'number') {
      yield {
        core,
        event: { name: 'free frames', ph: 'C', pid: BOARD, ts: microseconds(record.t), args: { freeFrames } },
      };
    }
  }
  for (const { core, event } of active.rest()) yield { core, event };
}

/** Kinds of the timeline. */
const STRETCHES: ReadonlySet<string> = new Set(['boot', 'stage', 'panic', 'stop']);

function placeOf({ t, core, kind, fields }: EventRecord): TraceEvent {
  const lane = LANES[kind] ?? 'kernel';
  const ofBoard = (BOARD_LANES as readonly string[]).indexOf(lane) + 1;
  const pid = ofBoard > 0 ? BOARD : FIRST_CORE + core;
  const tid = laneNumber(pid, ofBoard > 0 ? ofBoard : (CORE_LANES as readonly string[]).indexOf(lane) + 1);
  return { cat: kind, pid, tid, ts: microseconds(t), args: fields };
}

function instant(record: EventRecord): TraceEvent {
  return { name: nameOf(record), ph: 'i', s: 't', ...placeOf(record) };
}

/** The text shown beside the mark. */
function nameOf({ kind, fields }: EventRecord): string {
  const { text, what, owner, op, name, device, offset, write, access, esr, register, action } = fields;
  const { function: call, timer, pid } = fields;
  switch (kind) {
    case 'serial':
      return asText(text);
    case 'exception':
      return `ESR ${showSyndrome(esr)}`;
    case 'mmio':
      return `${asText(device)} ${asText(offset)} ${write === true ? 'write' : 'read'}`;
    case 'power':
      return asText(action);
    default: {
      const known = [access, call, register, device, timer, op, what, name, owner, pid].filter(
        (one) => one !== undefined,
      );
      return known.length === 0 ? kind : known.map(showValue).join(' ');
    }
  }
}

/** Interrupts between their acknowledgement and their end, by core: they nest. */
class ActiveInterrupts {
  private readonly active = new Map<number, EventRecord[]>();
  private lastNs = 0;

  *add(record: EventRecord): Generator<TraceEvent> {
    const { acknowledged, ended, deactivated, taken } = record.fields;
    this.lastNs = record.t;
    const onCore = this.active.get(record.core) ?? [];
    this.active.set(record.core, onCore);
    if (acknowledged !== undefined) {
      onCore.push(record);
      return;
    }
    const index = onCore.findLastIndex(({ fields }) => fields['acknowledged'] === ended);
    const [begun] = ended === undefined || index < 0 ? [] : onCore.splice(index, 1);
    if (begun !== undefined) {
      yield stretch(begun, record.t);
      return;
    }
    const name = taken === undefined ? `INTID ${showValue(ended ?? deactivated)} ended` : `${asText(taken)} taken`;
    yield { ...instant(record), name };
  }

  /** Those that have not ended when the log does. */
  *rest(): Generator<{ core: number; event: TraceEvent }> {
    for (const [core, begun] of this.active) {
      for (const record of begun) yield { core, event: stretch(record, this.lastNs) };
    }
  }
}

function stretch(begun: EventRecord, endNs: number): TraceEvent {
  const { acknowledged } = begun.fields;
  return { name: `INTID ${showValue(acknowledged)}`, ph: 'X', ...placeOf(begun), dur: microseconds(endNs - begun.t) };
}

/** Names and order of processes and their lanes. */
function namesOf(board: string | null, cores: ReadonlySet<number>): TraceEvent[] {
  const named = (pid: number, process: string, lanes: readonly string[]): TraceEvent[] => [
    { ph: 'M', name: 'process_name', pid, args: { name: process } },
    { ph: 'M', name: 'process_sort_index', pid, args: { sort_index: pid } },
    ...lanes.flatMap((name, index) => [
      { ph: 'M', name: 'thread_name', pid, tid: laneNumber(pid, index + 1), args: { name } },
      { ph: 'M', name: 'thread_sort_index', pid, tid: laneNumber(pid, index + 1), args: { sort_index: index } },
    ]),
  ];
  const sorted = [...cores].sort((a, b) => a - b);
  return [
    ...named(BOARD, board ?? 'machine', BOARD_LANES),
    ...sorted.flatMap((core) => named(FIRST_CORE + core, `core ${core}`, CORE_LANES)),
  ];
}
