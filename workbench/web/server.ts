// SPDX-License-Identifier: GPL-2.0-only
/**
 * The live view's server, on the loopback only: the page, updates as server-sent events, commands
 * and input by POST.
 *
 * A page of another site that the same browser shows must not drive the machine: requests with a
 * foreign Origin are refused, and so are those with another Host, which is how a name that was
 * rebound to 127.0.0.1 gives itself away.
 *
 * Specification: WHATWG HTML, 9.2 (server-sent events); Fetch, 3.1 (Origin).
 */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InputError } from '#workbench/machine/input-error.ts';
import type { LiveMachine } from './live-machine.ts';
import { parseCommand } from './protocol.ts';
import { sendUpdates } from './update-stream.ts';

const LOOPBACK = '127.0.0.1';
const LONGEST_BODY = 64 * 1024;
/** Bytes of input that may wait for a guest that takes none. */
const MOST_WAITING_INPUT = 64 * 1024;

const HEADERS = {
  'Content-Security-Policy':
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'",
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-store',
};

/** A server that listens. */
export interface LiveServer {
  /** `http://127.0.0.1:PORT/` */
  readonly url: string;
  /** Ends every connection. */
  close(): Promise<void>;
}

/**
 * @param page the page's HTML
 * @param port 0 for any that is free
 * @throws InputError when the port is in use or may not be listened on
 */
export async function serve(live: LiveMachine, page: string, port: number): Promise<LiveServer> {
  const server = createServer((request, response) => {
    answer(live, page, request, response).catch((error: unknown) => {
      if (!response.headersSent) refuse(response, 500, String(error));
      else response.destroy();
    });
  });
  await listen(server, port);
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${LOOPBACK}:${actual}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function listen(server: Server, port: number): Promise<void> {
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
    server.listen(port, LOOPBACK, () => resolve());
  });
}

async function answer(
  live: LiveMachine,
  page: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (!isOwn(request)) {
    refuse(response, 403, 'this server answers its own page only');
    return;
  }
  switch (`${request.method} ${request.url}`) {
    case 'GET /':
      response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/html; charset=utf-8' }).end(page);
      return;
    case 'GET /updates': {
      response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream' });
      sendUpdates(live, response);
      return;
    }
    case 'POST /input': {
      const body = await bodyOf(request, response);
      if (body === null) return;
      if (live.waitingInput + body.length > MOST_WAITING_INPUT) {
        refuse(
          response,
          413,
          `the guest has ${live.waitingInput} bytes of input yet to read; at most ${MOST_WAITING_INPUT} may wait`,
        );
        return;
      }
      live.type(body);
      response.writeHead(204, HEADERS).end();
      return;
    }
    case 'POST /command': {
      const body = await bodyOf(request, response);
      if (body === null) return;
      const command = parseCommand(parseJson(body));
      if (command === null) {
        refuse(response, 400, 'not a command: {"action": "run" | "pause" | "restart" | "step", "instructions": N}');
        return;
      }
      live.command(command);
      response.writeHead(204, HEADERS).end();
      return;
    }
    default:
      refuse(response, 404, 'there is nothing here');
  }
}

/** True for requests of this server's own page, and of programs that are no browser. */
function isOwn({ headers, socket }: IncomingMessage): boolean {
  const { host, origin } = headers;
  const hosts = [LOOPBACK, 'localhost'].map((name) => `${name}:${socket.localPort}`);
  // Browsers leave the port out where it is HTTP's own.
  if (socket.localPort === 80) hosts.push(LOOPBACK, 'localhost');
  if (host === undefined || !hosts.includes(host)) return false;
  return origin === undefined || origin === `http://${host}`;
}

async function bodyOf(request: IncomingMessage, response: ServerResponse): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > LONGEST_BODY) {
      refuse(response, 413, `at most ${LONGEST_BODY} bytes at once`);
      return null;
    }
  }
  return Buffer.concat(chunks);
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString()) as unknown;
  } catch {
    return null;
  }
}

function refuse(response: ServerResponse, status: number, why: string): void {
  response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${why}\n`);
}
