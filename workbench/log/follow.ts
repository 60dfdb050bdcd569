// SPDX-License-Identifier: GPL-2.0-only
/** A log while it is being written: each event as soon as its line is complete. */

import { existsSync } from 'node:fs';
import { type EventFilter, acceptor } from './read-event-log.ts';
import { LogCursor, type ScannedLine } from './log-file.ts';

const POLL_MS = 100;

/** The reason why following ended. */
export type FollowEnd = 'run ended' | 'interrupted';

export interface Follower {
  /** An event that the filter accepts. */
  readonly event: (line: ScannedLine) => void;
  /** All existing events have been shown; now the follower waits for new ones. */
  readonly pause: () => Promise<void>;
  /** The file does not exist yet, or was begun anew. */
  readonly note: (text: string) => void;
}

/**
 * Follows the log at `path`, which need not exist yet, until its run has ended (the stop event) or
 * `signal` says so. A file that is begun anew is followed from its start.
 * @throws InputError, EventFormatError
 */
export async function followLog(
  path: string,
  filter: EventFilter,
  signal: AbortSignal,
  follower: Follower,
): Promise<FollowEnd> {
  if (!existsSync(path)) follower.note(`waiting for ${path}`);
  while (!existsSync(path)) {
    if (!(await wait(signal))) return 'interrupted';
  }
  const accepts = acceptor(filter);
  let cursor = new LogCursor(path);
  try {
    for (;;) {
      for (const line of cursor.available()) {
        const { kind } = line;
        if (accepts(line)) follower.event(line);
        if (kind === 'stop') {
          await follower.pause();
          return 'run ended';
        }
      }
      await follower.pause();
      if (!(await wait(signal))) return 'interrupted';
      if (cursor.wasReplaced) {
        follower.note(`${path} is begun anew`);
        cursor.close();
        cursor = new LogCursor(path);
      }
    }
  } finally {
    cursor.close();
  }
}

/** Sleeps a moment. @returns false when following must end */
function wait(signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (goOn: boolean) => (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve(goOn);
    };
    const end = done(false);
    const timer = setTimeout(done(true), POLL_MS);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end);
  });
}
