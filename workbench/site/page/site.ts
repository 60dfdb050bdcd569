// SPDX-License-Identifier: GPL-2.0-only
/** The site: a form, a worker that has the machine, and the panels of the live view. */

import { byId, byIdAs } from '#workbench/report/page/dom.ts';
import type { SiteProduct } from '#workbench/site/protocol.ts';
import { MachinePage } from '#workbench/web/page/machine-page.ts';
import { Setup } from './setup.ts';
import { fragmentOf, requestOf } from './share-link.ts';
import { type MadeFile, WorkerLink } from './worker-link.ts';

const trouble = byId('trouble');

function showTrouble(why: string): void {
  trouble.textContent = why;
  trouble.hidden = why === '';
  if (why !== '') trouble.scrollIntoView({ block: 'nearest' });
}

const note = (text: string): void => {
  byId('setup-note').textContent = text;
};

let machine: MachinePage | null = null;

const link = new WorkerLink({
  ready(boards) {
    setup.showBoards(boards);
    for (const id of ['boot', 'boot-paused']) byIdAs(id, HTMLButtonElement).disabled = false;
    void bootFromLink();
  },
  update(update) {
    // The panels measure their places, so they are made once they are on the page.
    document.body.classList.remove('unbooted');
    machine ??= new MachinePage(link);
    machine.take(update);
    note('');
  },
  failed(why, isFault) {
    note('');
    showTrouble(isFault ? `This is a fault of the emulator, please report it:\n${why}` : why);
  },
});

const setup = new Setup((snapshot) => {
  showTrouble('');
  note('restoring …');
  link.restore(snapshot);
});

function boot(paused: boolean): void {
  showTrouble('');
  note('booting …');
  link.boot(setup.request, paused);
}

async function bootFromLink(): Promise<void> {
  try {
    const request = await requestOf(location.hash);
    if (request === null) return;
    setup.fill(request);
    boot(false);
  } catch {
    showTrouble('The link is damaged: its device tree cannot be unpacked.');
  }
}

async function copyLink(): Promise<void> {
  const { fragment, left } = await fragmentOf(setup.request);
  history.replaceState(null, '', fragment);
  const rest = left.length === 0 ? '' : ` It does not carry ${left.join(', ')}.`;
  try {
    await navigator.clipboard.writeText(location.href);
    note(`Copied: the link boots this machine.${rest}`);
  } catch {
    note(`The address of this page is the link now.${rest}`);
  }
}

function download({ name, bytes }: MadeFile): void {
  const url = URL.createObjectURL(new Blob([Uint8Array.from(bytes)]));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Shows the error of `work`. */
async function guarded(work: () => Promise<void>): Promise<void> {
  showTrouble('');
  try {
    await work();
  } catch (error) {
    showTrouble(error instanceof Error ? error.message : String(error));
  }
}

window.addEventListener('hashchange', () => void bootFromLink());
byIdAs('setup', HTMLFormElement).addEventListener('submit', (event) => {
  event.preventDefault();
  boot(false);
});
byId('boot-paused').addEventListener('click', () => boot(true));
byId('share').addEventListener('click', () => void guarded(copyLink));
byId('dts-clear').addEventListener('click', () => {
  setup.dts = '';
});
byId('dts-board').addEventListener('click', () => {
  void guarded(async () => {
    const { bytes } = await link.make('dts', { ...setup.request, dts: null });
    setup.dts = new TextDecoder().decode(bytes);
  });
});
byId('dts').addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) boot(false);
});
for (const button of document.querySelectorAll<HTMLButtonElement>('[data-product]')) {
  button.addEventListener('click', () => {
    void guarded(async () => download(await link.make(button.dataset['product'] as SiteProduct, setup.request)));
  });
}
// A page from a file, or in a browser that forbids it, works without a service worker.
if ('serviceWorker' in navigator && location.protocol !== 'file:') {
  navigator.serviceWorker.register('service-worker.js').catch(() => {});
}
