// SPDX-License-Identifier: GPL-2.0-only
/**
 * The live view's server, on the loopback only: the page, updates as server-sent events, commands
 * and input by POST.
 *
 * Specification: WHATWG HTML, 9.2 (server-sent events).
 */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { LiveMachine } from './live-machine.ts';
import { close, isOwn, listen, LOOPBACK, type LoopbackServer } from './loopback.ts';
import { parseCommand } from './protocol.ts';
import { sendUpdates } from './update-stream.ts';

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

/**
 * @param page the page's HTML
 * @param port 0 for any that is free
 * @throws InputError when the port is in use or may not be listened on
 */
export async function serve(live: LiveMachine, page: string, port: number): Promise<LoopbackServer> {
  const server = createServer((request, response) => {
    answer(live, page, request, response).catch((error: unknown) => {
      if (!response.headersSent) refuse(response, 500, String(error));
      else response.destroy();
    });
  });
  const actual = await listen(server, port);
  return { url: `http://${LOOPBACK}:${actual}/`, close: () => close(server) };
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
    case 'POST /ask': {
      const body = await bodyOf(request, response);
      if (body === null) return;
      const answered = JSON.stringify(live.ask(body.toString()));
      response.writeHead(200, { ...HEADERS, 'Content-Type': 'application/json' }).end(answered);
      return;
    }
    case 'POST /command': {
      const body = await bodyOf(request, response);
      if (body === null) return;
      const command = parseCommand(parseJson(body));
      if (command === null) {
        refuse(
          response,
          400,
          'not a command: {"action": "run" | "pause" | "restart"}, {"action": "step" | "back", "instructions": N}, {"action": "go", "ns": N}',
        );
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
