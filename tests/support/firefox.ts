// SPDX-License-Identifier: GPL-2.0-only
/**
 * Firefox for the tests of pages, without a window and without a driver: it opens one address of a
 * server on the loopback, and what that page finds out it posts back to the server.
 */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { HANG_GUARD_MS } from './hang-guard.ts';

/** Path of a Firefox on PATH, null when there is none: the tests that need it are skipped then. */
export function findFirefox(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of ['firefox-esr', 'firefox']) {
      try {
        accessSync(join(folder, name), constants.X_OK);
        return join(folder, name);
      } catch {
        // Not in this folder.
      }
    }
  }
  return null;
}

/** Nothing asks for anything that was not asked of it. */
const PREFERENCES: Readonly<Record<string, string | number | boolean>> = {
  'app.update.enabled': false,
  'app.normandy.enabled': false,
  'browser.aboutwelcome.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'datareporting.policy.dataSubmissionEnabled': false,
  'datareporting.healthreport.uploadEnabled': false,
  'extensions.update.enabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'toolkit.telemetry.reportingpolicy.firstRun': false,
};

/**
 * Serves `files`, opens `/harness.html` with `script` in it, and returns what the script posts to
 * `/result`, as JSON. After a post to `/offline` no file is served any more.
 * @param scriptPolicy content security policy that files of scripts come with
 * @throws Error when Firefox ends before
 */
export async function resultInFirefox(
  executable: string,
  files: ReadonlyMap<string, Uint8Array>,
  script: string,
  scriptPolicy: string,
): Promise<unknown> {
  const profile = mkdtempSync(join(tmpdir(), 'levitate-firefox-'));
  const preferences = Object.entries(PREFERENCES).map(
    ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
  );
  writeFileSync(join(profile, 'user.js'), `${preferences.join('\n')}\n`);
  let browser: ChildProcess | null = null;
  const server = createServer();
  let isOffline = false;
  try {
    const result = new Promise<unknown>((resolve, reject) => {
      server.on('request', (request, response) => {
        const path = (request.url ?? '/').replace(/[?#].*$/, '').slice(1) || 'index.html';
        if (request.method === 'POST' && path === 'offline') {
          isOffline = true;
          response.writeHead(204).end();
          return;
        }
        if (request.method === 'POST') {
          textOf(request).then((text) => resolve(JSON.parse(text)), reject);
          response.writeHead(204).end();
          return;
        }
        if (isOffline) {
          response.destroy();
          return;
        }
        const page = `<!doctype html><meta charset="utf-8"><script>${script}</script>`;
        const contents = path === 'harness.html' ? page : files.get(path);
        const type = path.endsWith('.js') ? 'text/javascript' : path.endsWith('.css') ? 'text/css' : 'text/html';
        // A page says its policy itself; to scripts of workers a server says it.
        const policy = path.endsWith('.js') ? { 'Content-Security-Policy': scriptPolicy } : {};
        response.writeHead(contents === undefined ? 404 : 200, { 'Content-Type': type, ...policy }).end(contents);
      });
      server.listen(0, '127.0.0.1', () => {
        const { port } = server.address() as AddressInfo;
        const url = `http://127.0.0.1:${port}/harness.html`;
        browser = spawn(executable, ['--headless', '--no-remote', '--profile', profile, url], { stdio: 'ignore' });
        browser.once('exit', (code) => reject(new Error(`Firefox ended with ${code} before it had a result`)));
        setTimeout(() => reject(new Error('Firefox has no result')), HANG_GUARD_MS).unref();
      });
    });
    return await result;
  } finally {
    await end(browser);
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function end(browser: ChildProcess | null): Promise<void> {
  if (browser === null || browser.exitCode !== null) return;
  const ended = once(browser, 'exit');
  browser.kill('SIGTERM');
  await ended;
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
  return text;
}
