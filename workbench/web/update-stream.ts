// SPDX-License-Identifier: GPL-2.0-only
/**
 * A live machine's updates as server-sent events, to one client, however slowly it reads.
 *
 * Unread updates are kept in this process. Above {@link MOST_UNREAD} bytes a client gets no more of
 * them. When it has read the kept ones it gets the whole state, as if it had just connected, and
 * updates from there on.
 */

import type { ServerResponse } from 'node:http';
import type { LiveUpdate } from './protocol.ts';

/**
 * Unread bytes of a client above which updates are left out. One more update may be in the buffer.
 */
export const MOST_UNREAD = 2 ** 20;

/** The part of {@link LiveMachine} that this module uses. */
export interface UpdateSource {
  /**
   * Tells the listener everything now, and what is new from then on. Returns the function that ends
   * it.
   */
  subscribe(listener: (update: LiveUpdate) => void): () => void;
  /** Everything up to the last update. */
  whole(): LiveUpdate;
}

/** Writes to `response`, whose head is written, until its connection ends. */
export function sendUpdates(source: UpdateSource, response: ServerResponse): void {
  let behind = false;
  const send = (update: LiveUpdate): void => {
    behind ||= response.writableLength > MOST_UNREAD;
    if (!behind) response.write(`data: ${JSON.stringify(update)}\n\n`);
  };
  response.on('drain', () => {
    if (!behind) return;
    behind = false;
    send(source.whole());
  });
  response.on('close', source.subscribe(send));
}
