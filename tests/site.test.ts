// SPDX-License-Identifier: GPL-2.0-only
/**
 * The site as a visitor sees it: boards boot in Chromium and in Firefox, on the own core in a
 * worker, and the text is that of the command line, byte for byte.
 */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boards } from '#boards/registry.ts';
import { compileDts } from '#fdt/dts/compile.ts';
import { findGuest } from '#scripts/guests/guest-files.ts';
import { guestInitramfs } from '#scripts/guests/initramfs-file.ts';
import { packageRoot } from '#workbench/package-root.ts';
import { compressedBytes, readSite, type SiteFiles } from '#workbench/site/site-files.ts';
import { CONTENT_SECURITY_POLICY, serveSite } from '#workbench/site/site-server.ts';
import type { LoopbackServer } from '#workbench/web/loopback.ts';
import { findChromium, launchChromium, openPage, type WatchedPage } from './support/browser.ts';
import { boot, command } from './support/command.ts';
import { findFirefox, resultInFirefox } from './support/firefox.ts';
import { foreignGuests } from './support/foreign-guest.ts';
import { HANG_GUARD_MS } from './support/hang-guard.ts';

const uBoot = findGuest('u-boot');
const chromium = findChromium();
const firefox = findFirefox();
const SOON = { timeout: HANG_GUARD_MS };
const PHONE = { width: 390, height: 844 };
const BOARDS = ['pixel6', 'rpi4', 'qemu-virt'] as const;
/** In Firefox, for the sake of time. */
const FIREFOX_BOARDS = ['pixel6', 'qemu-virt'] as const;
const UBOOT_PROMPT = '=> ';
const LINUX_PROMPT = '/root # ';
/** Kernel and busybox, or the reason why they are not available. */
const linux = foreignGuests('linux-6.1', 'busybox');

let folder = '';
let files: SiteFiles = new Map();
/** The command line's output for each board: the serial line, and the log. */
const [printed, logged] = [new Map<string, Buffer>(), new Map<string, Buffer>()];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'levitate-site-'));
  const { status, stderr } = command('site', '--out', join(folder, 'site'));
  if (status !== 0) throw new Error(stderr);
  files = readSite();
  for (const board of BOARDS) {
    const log = join(folder, board);
    printed.set(board, boot('--board', board, '--log', log).stdout);
    logged.set(board, readFileSync(log));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the files', () => {
  it('are at most 1.5 MB compressed at the first visit, and name no other host', () => {
    expect(compressedBytes(files).first).toBeLessThan(1_500_000);
    const page = readFileSync(join(folder, 'site', 'index.html'), 'utf8');
    expect([...page.matchAll(/(?:src|href)="(?!#|data:)([^"]+)"/g)].map(([, name]) => name)).toEqual([
      'site.css',
      'site.js',
    ]);
  });

  it('have the reset firmware of every board', () => {
    const images = boards.map((board) => `firmware/${board.create().firmware.image}.bin`);
    expect([...files.keys()]).toEqual(expect.arrayContaining(images));
  });

  it('are made of nothing that needs Node', () => {
    const inputs = JSON.parse(
      readFileSync(join(packageRoot(), 'dist', 'pages', 'site.inputs.json'), 'utf8'),
    ) as string[];
    expect(inputs).toContain('workbench/host/browser/cores.ts');
    expect(inputs).toContain('kernel-ts/kernel/main.ts');
    const native = /^node:|koffi|^emulator\/engine\/unicorn|^workbench\/(host\/node|files|engine-library)\//;
    expect(inputs.filter((path) => native.test(path))).toEqual([]);
  });
});

describe.skipIf(chromium === null)('in Chromium (needs it on PATH)', () => {
  let browser: Browser;
  let server: LoopbackServer;
  beforeAll(async () => {
    browser = await launchChromium(chromium ?? '');
    server = await serveSite(files, 0);
  });
  afterAll(async () => {
    await browser.close();
    await server.close();
  });

  const text = async (page: Page, id: string): Promise<string> => (await page.locator(`#${id}`).textContent()) ?? '';
  const open = (fragment = '', options = {}): Promise<WatchedPage> => openPage(browser, server.url + fragment, options);
  const screen = async (page: Page): Promise<string> => {
    // The terminal draws its rows only while they are in sight.
    await page.locator('#terminal').scrollIntoViewIfNeeded();
    return (await page.locator('#terminal .xterm-rows > div').allTextContents()).join('\n');
  };

  async function downloaded(page: Page, product: string): Promise<Buffer> {
    const [download] = await Promise.all([page.waitForEvent('download'), page.click(`[data-product=${product}]`)]);
    return readFileSync(await download.path());
  }

  it('boots one board after the other, says what the command line says, and takes input', async () => {
    const { page, complaints } = await open();
    for (const board of BOARDS) {
      await page.selectOption('#option-board', board);
      // The last of two boots in a row counts, although the first has a file to read.
      await page.setInputFiles('#file-kernel', { name: 'no kernel', mimeType: '', buffer: Buffer.alloc(64) });
      await page.locator('#files button').waitFor();
      await page.evaluate("for (const it of ['#boot', '#files button', '#boot']) document.querySelector(it).click()");
      await expect.poll(() => text(page, 'board'), SOON).toBe(board);
      await expect.poll(() => text(page, 'status'), SOON).toMatch(/^waiting: /);
      expect((await downloaded(page, 'serial')).equals(printed.get(board) as Buffer)).toBe(true);
      expect((await downloaded(page, 'log')).toString()).toBe(logged.get(board)?.toString());
      await expect.poll(() => text(page, 'registers'), SOON).toMatch(/pc ffff8000[0-9a-f]{8} +EL1/);
      expect(await text(page, 'trouble')).toBe('');
    }
    // Each control and each picture has a name for who does not see it.
    expect(await page.locator('body').ariaSnapshot()).not.toMatch(
      /^ *- (button|textbox|combobox|slider|link|img)( \[.*\])*:?$/m,
    );
    expect(await page.locator('canvas:not([role=img], [role=img] *)').count()).toBe(0);
    await page.click('#terminal');
    await page.keyboard.type('help\n');
    await expect.poll(() => screen(page), SOON).toContain('levitate> help');
    // Tab is the shell's; Shift+Tab leaves the terminal.
    await page.keyboard.press('Shift+Tab');
    expect(await page.evaluate("document.activeElement.closest('#terminal')")).toBeNull();
    await page.fill('#question', 'frame 0x40000000');
    await page.press('#question', 'Enter');
    await expect.poll(() => text(page, 'answer'), SOON).toMatch(/0x40000000/);
    await page.click('#map', { position: { x: 300, y: 27 } });
    await page.click('#ask-frame');
    await expect.poll(() => text(page, 'answer'), SOON).not.toMatch(/0x40000000\n/);
    const [start = NaN, end = NaN] = [...(await text(page, 'map-detail')).matchAll(/0x\w+/g)].map(Number);
    const frame = Number(/^frame (0x\w+)\n +bank .*\n(?:.*\n)* +owner /.exec(await text(page, 'answer'))?.[1]);
    expect(frame).toBeGreaterThanOrEqual(start);
    expect(frame).toBeLessThan(end);
    await page.click('#ask-walk');
    const walked = /^virtual address 0xffff8000[^]*level 3 .*: page\n[^]*EL1 fetch +allowed/;
    await expect.poll(() => text(page, 'answer'), SOON).toMatch(walked);
    // Back to where nothing was typed, and the same machine from there on.
    await page.click('#board');
    await page.keyboard.press('p');
    await expect.poll(() => text(page, 'status'), SOON).toBe('paused');
    const typed = await text(page, 'where');
    await page.click('#moment-before');
    await page.click('#moment-before');
    await page.click('#moment-go');
    await expect.poll(() => text(page, 'where'), SOON).not.toBe(typed);
    const there = await text(page, 'where');
    await page.click('#board');
    await page.keyboard.press('s');
    await expect.poll(() => text(page, 'where'), SOON).not.toBe(there);
    await page.keyboard.press('b');
    await expect.poll(() => text(page, 'where'), SOON).toBe(there);
    await page.keyboard.press('r');
    await expect.poll(() => text(page, 'status'), SOON).toMatch(/^waiting: /);
    const snapshot = await downloaded(page, 'snapshot');
    await page.setInputFiles('#file-snapshot', { name: 'x.snap', mimeType: '', buffer: snapshot });
    await expect.poll(() => text(page, 'status'), SOON).toBe('paused');
    expect((await downloaded(page, 'report')).toString()).toContain('"board":"qemu-virt"');
    expect(complaints).toEqual([]);
  });

  it('boots what a link says, tree and all, on a phone in the dark, and works without its server', async () => {
    const { page, complaints } = await open('#board=qemu-virt&trace=exception%2Cirq', {
      viewport: PHONE,
      colorScheme: 'dark',
    });
    await expect.poll(() => text(page, 'status'), SOON).toMatch(/^waiting: /);
    await page.hover('#lanes');
    expect(await text(page, 'lanes-text')).toMatch(/^core 0, (level|exceptions|interrupts) at /);
    await page.evaluate('navigator.serviceWorker.ready');
    const overflow = 'document.documentElement.scrollWidth - window.innerWidth';
    expect(await page.evaluate<number>(overflow)).toBe(0);
    // A line that is wrapped is edited where it stands.
    const shown = async () =>
      (await screen(page))
        .replace(/\n/g, '')
        .replace(/^.*levitate>/, '')
        .trim();
    await page.click('#terminal');
    await page.keyboard.type(`${'0123456789'.repeat(12)}Z`);
    await page.keyboard.press('Home');
    await page.keyboard.type('<');
    await page.keyboard.press('End');
    await page.keyboard.press('Backspace');
    await page.keyboard.type('>');
    await expect.poll(shown, SOON).toBe(`<${'0123456789'.repeat(12)}>`);
    await page.keyboard.press('Control+u');
    await expect.poll(shown, SOON).toBe('');
    await page.click('#dts-options summary');
    // Of two device trees the last given one counts: here source that is dropped.
    await page.setInputFiles('#file-dtb', { name: 'x.dtb', mimeType: '', buffer: Buffer.alloc(64) });
    await expect.poll(() => text(page, 'files'), SOON).toContain('x.dtb');
    await page.evaluate(`{
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File(['/dts-v1/;\\n/ { a = <1 2 };\\n'], 'x.txt'));
      document.body.dispatchEvent(new DragEvent('drop', { dataTransfer, bubbles: true, cancelable: true }));
    }`);
    await expect.poll(() => text(page, 'files'), SOON).toBe('');
    await page.click('#boot');
    await expect.poll(() => text(page, 'trouble'), SOON).toMatch(/line 2, column 14: expected a number/);
    await page.fill('#dts', '/dts-v1/;\n/ { compatible = "x"; };\n');
    await page.click('#share');
    await expect.poll(() => page.url(), SOON).toContain('dts=');
    await page.context().setOffline(true);
    const link = page.url();
    await page.goto('about:blank');
    await page.goto(link);
    await expect.poll(() => text(page, 'status'), SOON).toContain('No RAM regions found in DTB');
    expect(await page.evaluate<number>(overflow)).toBe(0);
    // The link carries the same tree and options: all is as on the command line.
    const [tree, log] = [join(folder, 'link.dtb'), join(folder, 'link.log')];
    writeFileSync(tree, compileDts('/dts-v1/;\n/ { compatible = "x"; };\n'));
    const { stdout } = boot('--board', 'qemu-virt', '--dtb', tree, '--trace', 'exception,irq', '--log', log);
    expect((await downloaded(page, 'dtb')).equals(readFileSync(tree))).toBe(true);
    expect((await downloaded(page, 'serial')).equals(stdout)).toBe(true);
    expect((await downloaded(page, 'log')).toString()).toBe(readFileSync(log, 'utf8'));
    expect(complaints).toEqual([]);
  });

  it.skipIf(uBoot === null)('boots U-Boot from a file that is dropped into it', async () => {
    const { page, complaints } = await open();
    await page.waitForSelector('#boot:enabled');
    await page.selectOption('#option-board', 'qemu-virt');
    await page.setInputFiles('#file-bios', uBoot?.path ?? '');
    await page.click('#boot');
    await expect.poll(() => screen(page), SOON).toContain(UBOOT_PROMPT);
    // The guest is not ours: back is from a checkpoint, and goes on to the same prompt.
    await page.click('#pause');
    await expect.poll(() => text(page, 'status'), SOON).toBe('paused');
    await page.selectOption('#step-by', '1000000');
    const before = await text(page, 'where');
    await page.click('#back');
    await expect.poll(() => text(page, 'where'), SOON).not.toBe(before);
    await page.click('#step');
    await expect.poll(() => text(page, 'where'), SOON).toBe(before);
    expect(await screen(page)).toContain(UBOOT_PROMPT);
    expect(complaints).toEqual([]);
  });

  it.skipIf(typeof linux === 'string')('boots Linux to its shell', async () => {
    const [kernel = '', busybox = ''] = linux;
    const { page, complaints } = await open();
    await page.waitForSelector('#boot:enabled');
    await page.selectOption('#option-board', 'qemu-virt');
    await page.setInputFiles('#file-kernel', kernel);
    const buffer = Buffer.from(guestInitramfs(busybox));
    await page.setInputFiles('#file-initrd', { name: 'initramfs.cpio', mimeType: '', buffer });
    await page.click('#boot');
    await expect.poll(() => screen(page), SOON).toContain(LINUX_PROMPT);
    expect(await text(page, 'moment-text')).toMatch(/ · an empty line$/);
    // A guest that runs on has no lanes yet, and no axis without them.
    expect(await page.locator('#lanes').isVisible()).toBe(false);
    // The map shows what is known of the guest's memory.
    expect(await text(page, 'legend')).toMatch(/kernel\d.*device tree, initramfs\d.*touched by the guest\d/);
    expect(complaints).toEqual([]);
  });
});

/** Of 50 ms. More, and the test says for what it waited: before Firefox is taken to hang. */
const FIREFOX_MOST_WAITS = HANG_GUARD_MS / 2 / 50;

/** Another origin than the site's. */
const ELSEWHERE = 'http://127.0.0.1:9/';

/** One boot in Firefox: over when its line says `until`, or without that in its steady state. */
interface FirefoxBoot {
  readonly name: string;
  readonly fragment: string;
  /** By the form's inputs, names of files beside the site's. */
  readonly dropped?: Readonly<Record<string, string>>;
  readonly until?: string;
  /** From now on the server answers nothing. */
  readonly offline?: boolean;
}

/**
 * Boots in a frame, one after the other, and posts what each says on its serial line, and what its
 * policy refused: at the end a picture from elsewhere.
 */
const harness = (boots: readonly FirefoxBoot[]): string => `
  const found = { refused: [] };
  const post = () => fetch('/result', { method: 'POST', body: JSON.stringify(found) });
  const until = async (condition) => {
    for (let waits = 0; !condition(); waits++) {
      if (waits > ${FIREFOX_MOST_WAITS}) throw 'waits in vain: ' + condition + ' ' + Object.keys(found);
      await new Promise((then) => setTimeout(then, 50));
    }
  };
  addEventListener('load', async () => {
    const frame = document.createElement('iframe');
    // The terminal draws its rows only while they are in sight.
    frame.style = 'position: fixed; inset: 0; width: 100%; height: 100%';
    document.documentElement.append(frame);
    try {
      for (const { name, fragment, dropped = {}, until: last, offline } of ${JSON.stringify(boots)}) {
        if (offline) {
          let isReady = false;
          frame.contentWindow.navigator.serviceWorker.ready.then(() => { isReady = true; });
          await until(() => isReady);
          await fetch('/offline', { method: 'POST' });
        }
        frame.src = 'index.html?' + name + fragment;
        // Not its load event: the empty page that a new frame has gets one too.
        await until(() => decodeURIComponent(frame.contentWindow.location.search) === '?' + name && frame.contentDocument.readyState === 'complete');
        const { contentDocument: page, contentWindow: global } = frame;
        page.addEventListener('securitypolicyviolation', ({ violatedDirective, blockedURI }) => {
          found.refused.push(violatedDirective + ' ' + blockedURI);
        });
        const text = (id) => page.getElementById(id)?.textContent ?? '';
        const checked = () => { if (text('trouble') !== '') throw name + ': ' + text('trouble'); return true; };
        if (fragment === '') await until(() => checked() && !page.getElementById('boot').disabled);
        for (const [kind, file] of Object.entries(dropped)) {
          const transfer = new global.DataTransfer();
          transfer.items.add(new global.File([await (await fetch(file)).arrayBuffer()], file));
          const input = page.getElementById('file-' + kind);
          input.files = transfer.files;
          input.dispatchEvent(new global.Event('change'));
          await until(() => text('files').includes(file));
        }
        if (fragment === '') {
          page.getElementById('option-board').value = 'qemu-virt';
          page.getElementById('boot').click();
        }
        const screen = () => {
          page.getElementById('terminal').scrollIntoView();
          return [...page.querySelectorAll('#terminal .xterm-rows > div')].map((row) => row.textContent).join('\\n');
        };
        await until(() => checked() && (last === undefined ? /^waiting/.test(text('status')) : screen().includes(last)));
        const blob = new Promise((then) => { global.HTMLAnchorElement.prototype.click = () => {}; global.URL.createObjectURL = (made) => { then(made); return '#'; }; });
        page.querySelector('[data-product=serial]').click();
        found[name] = await (await blob).text();
      }
      const picture = frame.contentDocument.createElement('img');
      picture.src = '${ELSEWHERE}';
      frame.contentDocument.body.append(picture);
      await until(() => found.refused.length > 0);
    } catch (error) {
      found.error = String(error);
    }
    post();
  });
`;

describe.skipIf(firefox === null)('in Firefox (needs it on PATH)', () => {
  // One start for all: a start costs more than a board.
  it('boots both boards as the command line says, U-Boot and Linux where they are there, and without its server', async () => {
    const boots: FirefoxBoot[] = FIREFOX_BOARDS.map((board) => ({ name: board, fragment: `#board=${board}` }));
    const guests = new Map<string, Uint8Array>();
    if (uBoot !== null) {
      guests.set('u-boot.bin', readFileSync(uBoot.path));
      boots.push({ name: 'U-Boot', fragment: '', dropped: { bios: 'u-boot.bin' }, until: UBOOT_PROMPT });
    }
    if (typeof linux !== 'string') {
      const [kernel = '', busybox = ''] = linux;
      guests.set('vmlinuz', readFileSync(kernel)).set('initramfs.cpio', guestInitramfs(busybox));
      const dropped = { kernel: 'vmlinuz', initrd: 'initramfs.cpio' };
      boots.push({ name: 'Linux', fragment: '', dropped, until: LINUX_PROMPT });
    }
    boots.push({ name: 'without its server', fragment: '#board=qemu-virt', offline: true });
    const served = new Map([...files, ...guests]);
    const found = await resultInFirefox(firefox ?? '', served, harness(boots), CONTENT_SECURITY_POLICY);
    expect(found).not.toHaveProperty('error');
    const { refused, ...texts } = found as Readonly<Record<string, string>> & { readonly refused: readonly string[] };
    expect(refused).toEqual([`img-src ${ELSEWHERE}`]);
    const said = Object.entries(texts);
    expect(said.map(([name]) => name)).toEqual(boots.map(({ name }) => name));
    for (const [name, text] of said) {
      const { until = '', fragment } = boots.find((one) => one.name === name) as FirefoxBoot;
      if (until === '') expect(text, name).toBe(printed.get(fragment.replace('#board=', ''))?.toString());
      else expect(text, name).toContain(until);
    }
  });
});
