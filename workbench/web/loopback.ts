// SPDX-License-Identifier: GPL-2.0-only
/**
 * Servers on the loopback, for pages of this program.
 *
 * A page of another site in the same browser must not reach them. So requests with a foreign Origin
 * are refused, and requests with another Host too: a name that was rebound to 127.0.0.1 has another
 * Host.
 *
 * Specification: Fetch, 3.1 (Origin).
 */

import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InputError } from '#workbench/input-error.ts';

export const LOOPBACK = '127.0.0.1';

/** A server that listens. */
export interface LoopbackServer {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  /** Ends every connection. */
  close(): Promise<void>;
}

/**
 * Listens on the loopback, and returns the port. @param port 0 for any free port
 * @throws InputError when the port is in use or may not be listened on
 */
export function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why =
        error.code === 'EADDRINUSE'
          ? 'is in use by another program; choose another one, or 0 for any that is free'
          : error.code === 'EACCES'
            ? 'needs more rights than this user has; choose one above 1023'
            : `cannot be listened on: ${error.message}`;
      reject(new InputError(`--port ${port}: ${why}`));
    });
    server.listen(port, LOOPBACK, () => resolve((server.address() as AddressInfo).port));
  });
}

export function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

/** True for requests of this server's own page, and of programs that are no browser. */
export function isOwn({ headers, socket }: IncomingMessage): boolean {
  const { host, origin } = headers;
  const hosts = [LOOPBACK, 'localhost'].map((name) => `${name}:${socket.localPort}`);
  // Browsers leave the port out where it is HTTP's own.
  if (socket.localPort === 80) hosts.push(LOOPBACK, 'localhost');
  if (host === undefined || !hosts.includes(host)) return false;
  return origin === undefined || origin === `http://${host}`;
}
