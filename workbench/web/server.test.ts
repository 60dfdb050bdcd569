// SPDX-License-Identifier: GPL-2.0-only
/** The server in front of a machine that does not run: who may ask, and what for. */

import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InputError } from '#workbench/input-error.ts';
import { LiveMachine } from './live-machine.ts';
import type { LiveUpdate } from './protocol.ts';
import type { LoopbackServer } from './loopback.ts';
import { serve } from './server.ts';

const PAGE = '<!doctype html><title>page</title>';

let live: LiveMachine;
let server: LoopbackServer;
let port = 0;
beforeAll(async () => {
  live = new LiveMachine({ board: 'qemu-virt' }, true);
  server = await serve(live, PAGE, 0);
  port = Number(new URL(server.url).port);
});
afterAll(async () => {
  await server.close();
  live.close();
  // Not running yet, it is closed as soon as it would.
  await live.run();
});

interface Answer {
  readonly status: number | undefined;
  readonly body: string;
  readonly policy: string;
}

function ask(method: string, path: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          body: text,
          policy: String(response.headers['content-security-policy']),
        }),
      );
    });
    asked.on('error', reject);
    asked.end(body);
  });
}

/** The first update that a page gets. */
function firstUpdate(): Promise<LiveUpdate> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/updates' }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        const end = text.indexOf('\n\n');
        if (end < 0) return;
        asked.destroy();
        resolve(JSON.parse(text.slice('data: '.length, end)) as LiveUpdate);
      });
    });
    asked.on('error', reject).end();
  });
}

describe('the server', () => {
  it('gives the page, which may talk to it alone', async () => {
    const { status, body, policy } = await ask('GET', '/');
    expect([status, body]).toEqual([200, PAGE]);
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("connect-src 'self'");
  });

  it('answers its own page, by either name of the loopback', async () => {
    for (const name of ['127.0.0.1', 'localhost']) {
      const host = `${name}:${port}`;
      expect((await ask('GET', '/', { host, origin: `http://${host}` })).status, name).toBe(200);
    }
  });

  it.each([
    ['another site', { origin: 'https://example.org' }],
    ['a page from disk', { origin: 'null' }],
    ['another port', { origin: 'http://127.0.0.1:1' }],
    ['a name that was rebound to the loopback', { host: 'evil.example' }],
    ['the loopback under another port', { host: '127.0.0.1:1' }],
  ])('refuses %s', async (_who, headers) => {
    const command = JSON.stringify({ action: 'step', instructions: 1 });
    expect((await ask('POST', '/command', headers, command)).status).toBe(403);
    expect((await ask('GET', '/updates', headers)).status).toBe(403);
    expect((await firstUpdate()).status.instructions).toBe(0);
  });

  it('refuses what is no command, and what is too long', async () => {
    for (const body of ['', 'nonsense', '{"action":"explode"}']) {
      expect((await ask('POST', '/command', {}, body)).status, body).toBe(400);
    }
    expect((await ask('POST', '/input', {}, 'x'.repeat(100_000))).status).toBe(413);
    expect((await ask('GET', '/nothing')).status).toBe(404);
    expect((await ask('GET', '/command')).status).toBe(404);
  });

  it('refuses input beyond what may wait for a guest that takes none', async () => {
    const piece = 'x'.repeat(40_000);
    expect((await ask('POST', '/input', {}, piece)).status).toBe(204);
    const { status, body } = await ask('POST', '/input', {}, piece);
    expect([status, body]).toEqual([413, expect.stringMatching(/^the guest has 4\d{4} bytes of input yet to read/)]);
    expect((await ask('POST', '/input', {}, 'short')).status).toBe(204);
    await ask('POST', '/command', {}, '{"action":"restart"}');
    await ask('POST', '/command', {}, '{"action":"pause"}');
    expect((await ask('POST', '/input', {}, piece)).status).toBe(204);
  });

  it('says at a busy port that it is, and what to do', async () => {
    await expect(serve(live, PAGE, port)).rejects.toThrow(InputError);
    await expect(serve(live, PAGE, port)).rejects.toThrow(`--port ${port}: is in use by another program`);
  });

  it('steps the machine and tells where it is', async () => {
    const before = await firstUpdate();
    expect(before.status).toMatchObject({ state: 'paused', instructions: 0, level: 3, pc: '0x0' });
    expect(before.whole).toEqual({ board: 'qemu-virt', banks: [{ start: 0x4_0000, end: 0x8_0000 }], modelled: true });
    expect((await ask('POST', '/command', {}, '{"action":"step","instructions":3}')).status).toBe(204);
    expect((await firstUpdate()).status).toMatchObject({ state: 'paused', instructions: 3 });
    expect((await ask('POST', '/command', {}, '{"action":"pause"}')).status).toBe(204);
    expect((await firstUpdate()).status.instructions).toBe(3);
  });
});
