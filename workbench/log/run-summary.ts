// SPDX-License-Identifier: GPL-2.0-only
/**
 * A whole run in short: memory layout, stages with their times, the end. The timeline and the
 * comparison of logs use it.
 *
 * A reset machine boots again: the layout is that of the last boot, the marks are those of all. The
 * log may come from another program, so values are converted, not trusted.
 */

import type { EventFields, EventRecord } from './event-lines.ts';
import { scanLog } from './read-event-log.ts';

/** A range of physical memory, `[base, base + bytes)`. */
export interface LoggedRange {
  readonly base: number;
  readonly bytes: number;
}

export interface LoggedReservation extends LoggedRange {
  readonly owner: string;
  readonly noMap: boolean;
}

export interface LoggedMemMap extends LoggedRange {
  readonly entries: number;
  /** Every candidate: its range and "accepted", or why it was refused. */
  readonly holes: readonly string[];
}

/** The kernel's layout of memory; null for steps that it did not reach. */
export interface MemoryLayout {
  readonly banks: LoggedRange[];
  readonly reserved: LoggedReservation[];
  memMap: LoggedMemMap | null;
  /** Tables that came from the buddy, in frames. */
  tableFrames: number | null;
  managedFrames: number | null;
  /** At the steady state, or where that was not reached, when the allocators were ready. */
  freeFrames: number | null;
  heap: { readonly base: string; readonly bytes: number } | null;
}

export interface RunSummary {
  /** The events of the timeline. */
  readonly marks: EventRecord[];
  memory: MemoryLayout;
  boots: number;
  events: number;
  /** Simulated nanoseconds of the last event. */
  endNs: number;
  panic: { readonly t: number; readonly reason: string; readonly detail: string } | null;
  stop: { readonly t: number; readonly outcome: string; readonly reason: string } | null;
}

const MARKS: ReadonlySet<string> = new Set(['boot', 'stage', 'panic', 'power', 'stop']);

/** A guest that powers cores on and off for ever must not fill memory. */
const MOST_MARKS = 10_000;

/** Reads the summary of the whole log at `path`. @throws InputError, EventFormatError */
export function summaryOf(path: string): RunSummary {
  const run: RunSummary = { marks: [], memory: nothing(), boots: 0, events: 0, endNs: 0, panic: null, stop: null };
  for (const line of scanLog(path)) {
    run.events++;
    run.endNs = line.t;
    if (line.kind === 'memory') addMemory(run.memory, line.parse().fields);
    else if (MARKS.has(line.kind)) addMark(run, line.parse());
  }
  return run;
}

function addMark(run: RunSummary, mark: EventRecord): void {
  const { t, kind } = mark;
  const { reason, detail, outcome } = mark.fields;
  if (run.marks.length < MOST_MARKS) run.marks.push(mark);
  if (kind === 'boot' && ++run.boots > 1) run.memory = nothing();
  if (kind === 'panic') run.panic ??= { t, reason: asText(reason), detail: asText(detail) };
  if (kind === 'stop') run.stop = { t, outcome: asText(outcome), reason: asText(reason) };
}

function nothing(): MemoryLayout {
  const none = { memMap: null, tableFrames: null, managedFrames: null, freeFrames: null, heap: null };
  return { banks: [], reserved: [], ...none };
}

function addMemory(memory: MemoryLayout, fields: EventFields): void {
  const { what, owner, noMap, entries, holes, fromAllocator, totalFrames, freeFrames, heapBase, heapBytes } = fields;
  const { base, bytes } = fields;
  const range = { base: Number(base), bytes: Number(bytes) };
  if (what === 'bank') memory.banks.push(range);
  if (what === 'reserved') memory.reserved.push({ ...range, owner: asText(owner), noMap: noMap === true });
  if (what === 'mem_map') {
    memory.memMap = { ...range, entries: Number(entries), holes: Array.isArray(holes) ? holes.map(String) : [] };
  }
  if (what === 'page-tables') memory.tableFrames = Number(fromAllocator);
  if (what === 'ready') memory.heap = { base: asText(heapBase), bytes: Number(heapBytes) };
  if (what === 'ready' || what === 'steady') {
    memory.managedFrames = Number(totalFrames);
    memory.freeFrames = Number(freeFrames);
  }
}

/** A value of a field as text. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}
