// SPDX-License-Identifier: GPL-2.0-only
/** A browser for the tests of pages: the system's Chromium, without a window. */

import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { HANG_GUARD_MS } from './hang-guard.ts';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/** Path of a Chromium on PATH, null when there is none: the tests that need it are skipped then. */
export function findChromium(): string | null {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    for (const name of NAMES) {
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

/** Starts it, with everything off that would talk to a network. */
export function launchChromium(executablePath: string): Promise<Browser> {
  const off = ['gpu', 'background-networking', 'component-update', 'sync', 'quic'].map((what) => `--disable-${what}`);
  return chromium.launch({ executablePath, timeout: HANG_GUARD_MS, args: ['--no-sandbox', '--no-first-run', ...off] });
}

/** A page that collects its errors and warnings. */
export interface WatchedPage {
  readonly page: Page;
  /**
   * Errors and warnings of its console, uncaught exceptions, and requests that leave the machine.
   */
  readonly complaints: string[];
}

/** Opens `url` in a fresh context. */
export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(HANG_GUARD_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (!/^(file:|data:|blob:|http:\/\/127\.0\.0\.1[:/])/.test(request.url())) {
      complaints.push(`asked for ${request.url()}`);
    }
  });
  await page.goto(url);
  return { page, complaints };
}
