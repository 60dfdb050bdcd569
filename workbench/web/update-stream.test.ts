// SPDX-License-Identifier: GPL-2.0-only
/** Updates to clients that read late or not at all. */

import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { LiveMachine } from './live-machine.ts';
import type { LiveUpdate } from './protocol.ts';
import { MOST_UNREAD, sendUpdates, type UpdateSource } from './update-stream.ts';

/** Makes an update long. */
const PADDING = 'x'.repeat(64 * 1024);
/** Several times the capacity of the host's sockets. */
const UPDATES = 1000;

/** A source whose updates are numbers, counted up. */
class Counter implements UpdateSource {
  count = 0;
  text = '';
  private readonly listeners = new Set<(update: LiveUpdate) => void>();

  subscribe(listener: (update: LiveUpdate) => void): () => void {
    listener(this.whole());
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get subscribers(): number {
    return this.listeners.size;
  }

  whole(): LiveUpdate {
    return this.update(this.text, { board: 'counter', banks: [], modelled: false });
  }

  next(): void {
    const added = `${++this.count} `;
    this.text += added;
    for (const listener of this.listeners) listener(this.update(added, null));
  }

  private update(serial: string, whole: LiveUpdate['whole']): LiveUpdate {
    const rest = { failed: false, nowNs: 0, instructions: this.count, pc: '0x0', level: 1 };
    const status = { state: 'running', reason: PADDING, ...rest } as const;
    return { whole, status, story: { owners: [], operations: [], moments: [], stages: [] }, serial: btoa(serial) };
  }
}

/** A page that collects updates. */
class Page {
  serial = '';
  moments = 0;
  operations = 0;
  wholes = 0;

  take({ whole, serial, story }: LiveUpdate): void {
    if (whole !== null) {
      [this.serial, this.moments, this.operations] = ['', 0, 0];
      this.wholes++;
    }
    this.serial += Buffer.from(serial, 'base64').toString('latin1');
    this.moments += story.moments.length;
    this.operations += story.operations.length;
  }
}

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A client that does not read yet, and the server's end of its connection. */
async function connect(source: UpdateSource): Promise<{ client: IncomingMessage; response: ServerResponse }> {
  const server = createServer();
  servers.push(server);
  const served = new Promise<ServerResponse>((resolve) => {
    server.on('request', (_request, response: ServerResponse) => {
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      sendUpdates(source, response);
      resolve(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port }, resolve).on('error', reject);
  });
  return { client, response: await served };
}

/** Reads until `isLast`. */
function read(client: IncomingMessage, page: Page, isLast: (update: LiveUpdate) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let text = '';
    client.on('error', reject).setEncoding('utf8');
    client.on('data', (chunk: string) => {
      const parts = (text + chunk).split('\n\n');
      text = parts.pop() ?? '';
      const updates = parts.map((part) => JSON.parse(part.slice('data: '.length)) as LiveUpdate);
      for (const update of updates) page.take(update);
      if (!updates.some(isLast)) return;
      client.removeAllListeners('data');
      resolve();
    });
  });
}

describe('a client that does not read', () => {
  it('costs a bounded buffer, and has the right state when it reads again', async () => {
    const source = new Counter();
    const { client, response } = await connect(source);
    let most = 0;
    for (let count = 0; count < UPDATES; count++) {
      source.next();
      most = Math.max(most, response.writableLength);
      await turn();
    }
    expect(most).toBeGreaterThan(MOST_UNREAD);
    expect(most).toBeLessThan(MOST_UNREAD + 2 * PADDING.length);

    const page = new Page();
    await read(client, page, ({ status }) => status.instructions === UPDATES);
    expect(page.serial).toBe(source.text);
    expect(page.wholes).toBe(2);

    // From then on it receives only changes.
    const received = read(client, page, ({ status }) => status.instructions === UPDATES + 1);
    source.next();
    await received;
    expect(page.serial).toBe(source.text);
    expect(page.wholes).toBe(2);
  });

  it('is forgotten when its connection ends', async () => {
    const source = new Counter();
    const { client, response } = await connect(source);
    for (let count = 0; count < UPDATES; count++) source.next();
    const closed = new Promise((resolve) => response.on('close', resolve));
    client.destroy();
    await closed;
    expect(source.subscribers).toBe(0);
  });
});

it('the whole state of a machine at any moment, with what comes after it, is the state', async () => {
  // Its boot takes 41 ms of simulated time, and a slice is at most 20.
  const live = new LiveMachine({ board: 'pixel6' }, false);
  const pages: Page[] = [];
  const machine = { waits: false };
  live.subscribe((update) => {
    for (const page of pages) page.take(update);
    machine.waits = update.status.state === 'waiting';
  });
  const runs = live.run();
  while (!machine.waits) {
    const page = new Page();
    page.take(live.whole());
    pages.push(page);
    await turn();
  }
  live.close();
  await runs;
  const [first, ...later] = pages;
  expect(later.length).toBeGreaterThan(0);
  expect(first?.moments).toBeGreaterThan(10);
  for (const page of later) {
    expect([page.serial, page.moments, page.operations]).toEqual([first?.serial, first?.moments, first?.operations]);
  }
});
