// SPDX-License-Identifier: GPL-2.0-only
/** The live view: follows a machine that the server runs, and tells it what to do. */

import { showCount, showTime } from '#common/quantities.ts';
import { byId, byIdAs } from '#workbench/report/page/dom.ts';
import { showLegend } from '#workbench/report/page/legend.ts';
import { MemoryMap } from '#workbench/report/page/memory-map.ts';
import { MomentAxis } from '#workbench/report/page/moment-axis.ts';
import { showMomentBar } from '#workbench/report/page/moment-bar.ts';
import { showOrderChart } from '#workbench/report/page/order-chart.ts';
import { StoryView } from '#workbench/report/page/story-view.ts';
import { showUsageChart } from '#workbench/report/page/usage-chart.ts';
import type { LiveCommand, LiveStatus, LiveUpdate } from '#workbench/web/protocol.ts';
import { SerialTerminal } from './serial-terminal.ts';

/** Sends one after the other: keys must arrive in the order in which they were pressed. */
let sending: Promise<void> = Promise.resolve();
function send(path: string, body: string): void {
  sending = sendAfter(sending, path, body);
}

async function sendAfter(before: Promise<void>, path: string, body: string): Promise<void> {
  await before;
  try {
    const answer = await fetch(path, { method: 'POST', body });
    if (!answer.ok) showTrouble(await answer.text());
  } catch {
    showTrouble(DISCONNECTED);
  }
}

const DISCONNECTED = 'the server does not answer';

function showTrouble(what: string): void {
  byId('status').textContent = what;
  byId('status').classList.add('bad');
}

function showStatus({ state, reason, failed, nowNs, instructions, pc, level }: LiveStatus): void {
  const status = byId('status');
  status.textContent = reason === null ? state : `${state}: ${reason}`;
  status.classList.toggle('bad', failed);
  byId('where').textContent = `${showTime(nowNs)} · ${showCount(instructions)} instructions · EL${level} PC ${pc}`;
  byIdAs('run', HTMLButtonElement).disabled = state !== 'paused';
  byIdAs('pause', HTMLButtonElement).disabled = state === 'paused' || state === 'ended';
  byIdAs('step', HTMLButtonElement).disabled = state === 'ended';
}

function listenToButtons(view: StoryView): void {
  const command = (what: LiveCommand): void => send('/command', JSON.stringify(what));
  byId('run').addEventListener('click', () => command({ action: 'run' }));
  byId('pause').addEventListener('click', () => command({ action: 'pause' }));
  byId('restart').addEventListener('click', () => command({ action: 'restart' }));
  byId('step').addEventListener('click', () => {
    command({ action: 'step', instructions: Number(byIdAs('step-by', HTMLSelectElement).value) });
  });
  byId('moment-now').addEventListener('click', () => view.select(view.moments.length - 1));
}

/** Puts the page together when the first update says what machine it is. */
function begin({ whole }: LiveUpdate): StoryView {
  const view = new StoryView(whole?.banks ?? []);
  const axis = new MomentAxis(view);
  const map = new MemoryMap(view);
  showMomentBar(view, axis);
  showLegend(view, map);
  showOrderChart(view, axis);
  showUsageChart(view, axis);
  listenToButtons(view);
  return view;
}

const terminal = new SerialTerminal((text) => send('/input', text));
const updates = new EventSource('/updates');
let view: StoryView | null = null;
updates.addEventListener('message', ({ data }) => {
  const update = JSON.parse(data as string) as LiveUpdate;
  if (update.whole !== null) {
    view?.clear();
    terminal.clear();
    byId('board').textContent = update.whole.board;
    document.title = `${update.whole.board} live`;
    document.body.classList.toggle('foreign', !update.whole.modelled);
  }
  view ??= begin(update);
  showStatus(update.status);
  terminal.write(update.serial);
  if (update.whole !== null || update.story.moments.length + update.story.operations.length > 0) view.add(update.story);
});
updates.addEventListener('error', () => showTrouble(DISCONNECTED));
