// SPDX-License-Identifier: GPL-2.0-only
/**
 * The pages as a person sees them: the report from disk and the live view from its server, in
 * Chromium, with light and dark themes and on a phone.
 */

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packageRoot } from '#workbench/package-root.ts';
import { findChromium, launchChromium, openPage, type WatchedPage } from './support/browser.ts';
import { boot, commandEnvironment } from './support/command.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';
import { BRANCH_TO_SELF } from './support/planted-code.ts';
import { treeBlob } from './support/test-tree.ts';

const chromium = findChromium();
const PHONE = { width: 390, height: 844 };

let folder = '';
let browser: Browser;
beforeAll(async () => {
  if (chromium === null) return;
  folder = mkdtempSync(join(tmpdir(), 'levitate-pages-'));
  browser = await launchChromium(chromium);
});
afterAll(async () => {
  if (chromium === null) return;
  await browser.close();
  rmSync(folder, { recursive: true, force: true });
});

const text = async (page: Page, id: string): Promise<string> => (await page.locator(`#${id}`).textContent()) ?? '';
// Expressions, not functions: what runs in the page knows other globals than what runs here.
const picture = (page: Page, id: string): Promise<string> =>
  page.evaluate<string>(`document.getElementById('${id}').toDataURL()`);

/** Polls have a limit of their own, of one second. */
const SOON = { timeout: HANG_GUARD_MS };

/** Nothing is wider than the page. */
async function expectNoOverflow(page: Page): Promise<void> {
  expect(await page.evaluate<number>('document.documentElement.scrollWidth - window.innerWidth')).toBe(0);
}

describe.skipIf(chromium === null)('the report page (needs Chromium on PATH)', () => {
  const file = (board: string): string => join(folder, `${board}.html`);
  const open = (board: string, options?: BrowserContextOptions): Promise<WatchedPage> =>
    openPage(browser, pathToFileURL(file(board)).href, options);
  const line = (page: Page, words: string) => page.locator('#log .line', { hasText: words }).first();

  beforeAll(() => {
    for (const board of ['pixel6', 'qemu-virt']) {
      const { status, stderr } = boot('--board', board, '--report', file(board), '--serial', `${file(board)}.txt`);
      if (status !== 0) throw new Error(stderr);
    }
  });

  it.each(['pixel6', 'qemu-virt'])(
    'of %s shows the free blocks that the kernel printed, at the line where it did',
    async (board) => {
      const { page, complaints } = await open(board);
      const printed = readFileSync(`${file(board)}.txt`, 'utf8');
      const counts = /^\[BUDDY\] ([0-9 ]+)$/m.exec(printed)?.[1] ?? 'none';
      await line(page, `[BUDDY] ${counts}`).click();
      expect(await text(page, 'orders-text')).toMatch(new RegExp(`: ${counts}$`));
      await line(page, '[DTB]').click();
      expect(await text(page, 'orders-text')).toMatch(/: 0( 0)+$/);
      expect(complaints).toEqual([]);
    },
  );

  it('shows memory at the line that is clicked: another picture, other amounts, the line in words', async () => {
    const { page, complaints } = await open('pixel6');
    const before = await picture(page, 'map');
    await line(page, 'mem_map refused').click();
    expect(await picture(page, 'map')).not.toBe(before);
    expect(await text(page, 'moment-text')).toContain('mem_map refused');
    const legend = page.locator('#legend li', { hasText: 'firmware (no-map)' });
    expect(await legend.textContent()).toContain('291 MiB');
    expect(await page.locator('#legend li', { hasText: 'kernel heap' }).textContent()).toContain('0 bytes');
    await line(page, '[HEAP]').click();
    expect(await page.locator('#legend li', { hasText: 'kernel heap' }).textContent()).toContain('64 MiB');
    expect(complaints).toEqual([]);
  });

  it('can be used with keys alone: slider, log, map', async () => {
    const { page } = await open('pixel6');
    await page.locator('#moment').focus();
    await page.keyboard.press('Home');
    expect(await text(page, 'moment-text')).toMatch(/ · 1 of \d+ · /);
    await page.keyboard.press('ArrowRight');
    expect(await text(page, 'moment-text')).toMatch(/ · 2 of \d+ · /);
    await page.locator('#log').focus();
    await page.keyboard.press('ArrowDown');
    expect(await text(page, 'moment-text')).toMatch(/ · 3 of \d+ · /);
    expect(await page.locator('#log .line[aria-selected=true]').count()).toBe(1);
    await page.locator('#map').focus();
    await page.keyboard.press('+');
    expect(await text(page, 'map-scale')).toMatch(/^256 MiB a row, rows 1 to 20 of 32/);
    await page.keyboard.press('0');
    expect(await text(page, 'map-scale')).toBe('512 MiB a row, all of RAM');
  });

  it('finds lines, and frames by their address', async () => {
    const { page } = await open('pixel6');
    await page.fill('#log-search', 'NO-MAP');
    const hits = readFileSync(`${file('pixel6')}.txt`, 'utf8').match(/no-map/g)?.length ?? 0;
    expect(await text(page, 'log-found')).toMatch(new RegExp(`^${hits} of \\d+$`));
    expect(await page.locator('#log .line:visible').count()).toBe(hits);
    expect(await page.locator('#log mark').first().textContent()).toBe('no-map');
    await page.fill('#log-search', 'nowhere to be found');
    expect(await page.locator('#log .line:visible').count()).toBe(0);
    for (const [address, what] of [
      ['0x94000000', /aoc@94000000, 48 MiB, since/],
      ['0x9_0000_0000', /free block of order 20, 4 GiB/],
      ['0x100000000', /not RAM/],
      ['here', /no physical address/],
    ] as const) {
      await page.fill('#map-address', address);
      await page.press('#map-address', 'Enter');
      expect(await text(page, 'map-detail'), address).toMatch(what);
    }
  });

  it('says what lies under the pointer, and makes a class stand out', async () => {
    const { page } = await open('pixel6');
    const box = await page.locator('#map').boundingBox();
    await page.mouse.move((box?.x ?? 0) + 100, (box?.y ?? 0) + 27);
    expect(await text(page, 'map-detail')).toMatch(/^0x[0-9a-f]+\.\.0x[0-9a-f]+: .*, \d/);
    const before = await picture(page, 'map');
    await page.click('#legend button:has-text("mem_map")');
    expect(await picture(page, 'map')).not.toBe(before);
    expect(await page.locator('#order-scale').isVisible()).toBe(false);
    await page.selectOption('#map-colouring', 'orders');
    expect(await page.locator('#order-scale').isVisible()).toBe(true);
    expect(await page.locator('#legend').isVisible()).toBe(false);
    const [owners, orders] = [before, await picture(page, 'map')];
    expect(orders).not.toBe(owners);
    const chart = await picture(page, 'orders');
    await page.selectOption('#axis', 'time');
    expect(await picture(page, 'orders')).not.toBe(chart);
  });

  it('lists the page tables, none writable and executable', async () => {
    const { page } = await open('pixel6');
    const rows = await page.locator('#ranges tr').count();
    expect(rows).toBeGreaterThan(10);
    expect(await page.locator('#ranges tr.violation').count()).toBe(0);
    await page.locator('#ranges button').last().click();
    expect(await text(page, 'map-detail')).toContain('0x880000000');
  });

  it.each(['light', 'dark'] as const)('fits a phone in %s, without a complaint', async (colorScheme) => {
    const { page, complaints } = await open('pixel6', { viewport: PHONE, colorScheme });
    await expectNoOverflow(page);
    const background = await page.evaluate<string>('getComputedStyle(document.body).backgroundColor');
    expect(background).toBe(colorScheme === 'dark' ? 'rgb(18, 20, 23)' : 'rgb(251, 251, 250)');
    // A row of the page tables has lines of its own for entries and attributes: none is cut.
    const cells =
      "[...document.querySelectorAll('#ranges tr:first-child td')].map((cell) => cell.getBoundingClientRect())";
    const places = await page.evaluate<{ left: number; right: number }[]>(
      `${cells}.map(({ left, right }) => ({ left, right }))`,
    );
    expect(places.map(({ left }) => left === places[0]?.left)).toEqual([true, false, false, true, true]);
    expect(Math.max(...places.map(({ right }) => right))).toBeLessThanOrEqual(PHONE.width);
    await line(page, '[HEAP]').click();
    expect(await text(page, 'moment-text')).toContain('[HEAP]');
    expect(complaints).toEqual([]);
  });

  it('turns dark with the reader', async () => {
    const { page } = await open('pixel6', { colorScheme: 'light' });
    const before = await picture(page, 'map');
    await page.emulateMedia({ colorScheme: 'dark' });
    await expect.poll(() => picture(page, 'map'), SOON).not.toBe(before);
  });

  it('is one file below 2 MiB that names no other', () => {
    expect(statSync(file('pixel6')).size).toBeLessThan(2 * 2 ** 20);
    expect(readFileSync(file('pixel6'), 'utf8')).not.toMatch(/<(?:script|link|img)[^>]+(?:src|href)="(?!data:)/);
  });

  it('of a guest that is not ours says so, and shows no empty charts', async () => {
    writeFileSync(join(folder, 'guest.bin'), Buffer.from(Uint32Array.of(BRANCH_TO_SELF).buffer));
    boot('--board', 'qemu-virt', '--bios', join(folder, 'guest.bin'), '--timeout', '1ms', '--report', file('guest'));
    const { page, complaints } = await open('guest');
    expect(await text(page, 'notes')).toContain('This guest is not the modelled kernel');
    for (const part of ['stage-strip', 'orders', 'order-scale', 'tables-section']) {
      expect(await page.locator(`#${part}`).isVisible(), part).toBe(false);
    }
    await page.fill('#map-address', '0x40000000');
    await page.press('#map-address', 'Enter');
    // The tree lies at the beginning of RAM; nobody has touched its end.
    expect(await text(page, 'map-detail')).toMatch(/^0x40000000\.\.0x[0-9a-f]+: device tree, .*, since /);
    await page.fill('#map-address', '0x7fff0000');
    await page.press('#map-address', 'Enter');
    expect(await text(page, 'map-detail')).toContain('RAM that was not touched');
    expect(await text(page, 'legend')).toMatch(/not touched\d.*touched by the guest\d/);
    await page.hover('#usage .u-over');
    expect(await text(page, 'usage-text')).toMatch(/^At .*: not touched .*touched by the guest /);
    await page.hover('#lanes');
    expect(await text(page, 'lanes-text')).toMatch(/^core 0 at .*: on, 0 ns to 1 ms$/);
    expect(complaints).toEqual([]);
  });

  it('of a panic shows the panic, and what memory was like', async () => {
    writeFileSync(join(folder, 'no-ram.dtb'), treeBlob({}));
    const { status } = boot('--board', 'pixel6', '--dtb', join(folder, 'no-ram.dtb'), '--report', file('panic'));
    expect(status).toBe(1);
    const { page, complaints } = await open('panic');
    expect(await text(page, 'reason')).toBe('PANIC: No RAM regions found in DTB');
    expect(await page.locator('#log .line.panic').count()).toBe(1);
    expect(await text(page, 'moment-text')).toContain('PANIC: No RAM regions found in DTB');
    // There was no allocator yet: its chart would be empty.
    for (const part of ['tables-section', 'orders-section']) {
      expect(await page.locator(`#${part}`).isVisible(), part).toBe(false);
    }
    expect(complaints).toEqual([]);
  });
});

describe.skipIf(chromium === null)('the live view (needs Chromium on PATH)', () => {
  /**
   * Starts `npm run web` and hands its address over; ends it with SIGINT and looks at how it ended.
   */
  async function withServer(args: readonly string[], use: (url: string) => Promise<void>): Promise<void> {
    const server = spawn(
      process.execPath,
      [join(packageRoot(), 'scripts', 'launch.mjs'), 'web', '--port', '0', ...args],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: commandEnvironment(),
      },
    );
    let stderr = '';
    server.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk));
    const ended = once(server, 'exit') as Promise<[number | null, string | null]>;
    try {
      await expect.poll(() => stderr, SOON).toMatch(/^web: http:\S+ /);
      await use(/http:\S+/.exec(stderr)?.[0] ?? '');
      server.kill('SIGINT');
      expect(await ended).toEqual([0, null]);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    } finally {
      server.kill('SIGKILL');
    }
  }

  const screen = async (page: Page): Promise<string> =>
    (await page.locator('#terminal .xterm-rows > div').allTextContents()).join('\n');

  it('boots, shows the serial line and memory, and passes on what is typed', async () => {
    await withServer(['--board', 'pixel6'], async (url) => {
      const { page, complaints } = await openPage(browser, url);
      await expect.poll(() => text(page, 'status'), SOON).toMatch(/^waiting: /);
      expect(await text(page, 'board')).toBe('pixel6');
      await expect.poll(() => screen(page), SOON).toContain('steady state');
      expect(await page.locator('#legend li', { hasText: 'mem_map' }).textContent()).toContain('48 MiB');
      await page.click('#terminal');
      await page.keyboard.type('help\n');
      await expect.poll(() => screen(page), SOON).toContain('levitate> help');
      await page.click('#moment-before');
      expect(await text(page, 'moment-text')).toMatch(/\d+ of \d+/);
      await page.click('#restart');
      await expect.poll(() => screen(page), SOON).not.toContain('levitate> help');
      await expect.poll(() => text(page, 'status'), SOON).toMatch(/^waiting: /);
      expect(complaints).toEqual([]);
      await page.close();
    });
  });

  it('shows a panic as one, and begins again', async () => {
    writeFileSync(join(folder, 'no-ram-live.dtb'), treeBlob({}));
    await withServer(['--board', 'qemu-virt', '--dtb', join(folder, 'no-ram-live.dtb')], async (url) => {
      const { page } = await openPage(browser, url);
      await expect.poll(() => text(page, 'status'), SOON).toMatch(/^ended: the kernel panicked: No RAM regions found/);
      expect(await page.locator('#status').getAttribute('class')).toBe('bad');
      expect(await page.locator('#moment-text').textContent()).toContain('end of the run: the kernel panicked');
      await page.click('#restart');
      await expect.poll(() => text(page, 'status'), SOON).toMatch(/^ended: /);
      await page.close();
    });
  });

  it('starts paused, steps by instructions, runs, and pauses again; on a phone in the dark', async () => {
    await withServer(['--board', 'qemu-virt', '--paused'], async (url) => {
      const { page, complaints } = await openPage(browser, url, { viewport: PHONE, colorScheme: 'dark' });
      await expect.poll(() => text(page, 'status'), SOON).toBe('paused');
      await page.click('#step');
      await expect.poll(() => text(page, 'where'), SOON).toContain(' 1 instructions');
      await page.selectOption('#step-by', '100');
      await page.click('#step');
      await expect.poll(() => text(page, 'where'), SOON).toContain(' 101 instructions');
      await expectNoOverflow(page);
      await page.click('#run');
      await expect.poll(() => text(page, 'status'), SOON).toMatch(/^waiting: /);
      await page.click('#pause');
      await expect.poll(() => text(page, 'status'), SOON).toBe('paused');
      await expectNoOverflow(page);
      expect(complaints).toEqual([]);
    });
  });
});
