// SPDX-License-Identifier: GPL-2.0-only
/** The log of a machine that may continue, as `--log` would write it if the run ended now. */

import { type EventKind, EVENT_KINDS } from '#workbench/machine/event-kinds.ts';
import type { LevitateMachine } from '#workbench/machine/levitate-machine.ts';
import type { Outcome } from '#workbench/machine/outcome.ts';
import { logHeader } from './event-header.ts';
import { eventLines } from './event-lines.ts';

/**
 * The log's text. This changes nothing in the machine: an unfinished serial line, and the stop
 * event, are only in the text.
 * @param trace loud kinds that were asked for, of those that the machine traces
 * @param end how the run stands where the log has no stop yet; null in the middle of a run
 */
export function logSoFar(machine: LevitateMachine, trace: readonly EventKind[], end: Outcome | null): string {
  const { events, serial } = machine;
  const asked = new Set<string>(trace);
  const kept = events.events.filter(({ kind }) => EVENT_KINDS[kind].always || asked.has(kind));
  if (end !== null) {
    const text = serial.unfinishedLine;
    if (text !== null) kept.push(events.stamped('serial', { text }));
    kept.push(events.stamped('stop', { outcome: end.outcome, reason: end.reason }));
  }
  return eventLines(kept, logHeader({ ...machine.parts.settings, trace }));
}
