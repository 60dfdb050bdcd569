// SPDX-License-Identifier: GPL-2.0-only
/** The site on the loopback: its files, and nothing else of this computer. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { close, isOwn, listen, LOOPBACK, type LoopbackServer } from '#workbench/web/loopback.ts';
import type { SiteFiles } from './site-files.ts';

const TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
};

/** The page's own content security policy, for its worker too. */
export const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self' 'unsafe-inline'; connect-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

const HEADERS = {
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'Cache-Control': 'no-cache',
};

/** @param port 0 for any that is free. @throws InputError when it cannot be had */
export async function serveSite(files: SiteFiles, port: number): Promise<LoopbackServer> {
  const server = createServer((request, response) => answer(files, request, response));
  const actual = await listen(server, port);
  return { url: `http://${LOOPBACK}:${actual}/`, close: () => close(server) };
}

function answer(files: SiteFiles, request: IncomingMessage, response: ServerResponse): void {
  const refuse = (status: number, why: string): void => {
    response.writeHead(status, { ...HEADERS, 'Content-Type': 'text/plain; charset=utf-8' }).end(`${why}\n`);
  };
  if (!isOwn(request)) return refuse(403, 'this server answers its own page only');
  if (request.method !== 'GET' && request.method !== 'HEAD') return refuse(405, 'there are only files here');
  const path = (request.url ?? '/').replace(/[?#].*$/, '').slice(1);
  const name = path === '' ? 'index.html' : path;
  const contents = files.get(name);
  if (contents === undefined) return refuse(404, 'there is nothing here');
  const type = TYPES[name.replace(/^.*\./, '')] ?? 'application/octet-stream';
  response.writeHead(200, { ...HEADERS, 'Content-Type': type, 'Content-Length': contents.length });
  response.end(request.method === 'HEAD' ? undefined : contents);
}
