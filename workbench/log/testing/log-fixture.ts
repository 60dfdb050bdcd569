// SPDX-License-Identifier: GPL-2.0-only
/** Event logs in files that are gone when the test has finished. */

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { EventLogHeader } from '#workbench/log/event-header.ts';
import { eventLines } from '#workbench/log/event-lines.ts';
import type { EventFields, EventRecord } from '#workbench/log/event-lines.ts';

/** An event; at time 0 on core 0 unless told otherwise. */
export function event(kind: string, fields: EventFields = {}, t = 0, core = 0): EventRecord {
  return { t, core, kind, fields };
}

/** A path for this test alone. */
export function temporaryPath(name = 'test.log'): string {
  const folder = mkdtempSync(join(tmpdir(), 'levitate-log-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

/** A file with this text. @returns its path */
export function textFile(text: string | Uint8Array): string {
  const path = temporaryPath();
  writeFileSync(path, text);
  return path;
}

/** A log file with these events. @returns its path */
export function logFile(events: readonly EventRecord[], about: Partial<EventLogHeader> = {}): string {
  return textFile(eventLines(events, about));
}
