// SPDX-License-Identifier: GPL-2.0-only
/** The live view: follows a machine that the server runs, and sends it commands. */

import type { LiveAnswer, LiveUpdate } from '#workbench/web/protocol.ts';
import { MachinePage } from './machine-page.ts';

/** Sends one after the other: keys must arrive in the order in which they were pressed. */
let sending: Promise<void> = Promise.resolve();
function send(path: string, body: string): void {
  sending = sendAfter(sending, path, body);
}

async function sendAfter(before: Promise<void>, path: string, body: string): Promise<void> {
  await before;
  try {
    const answer = await fetch(path, { method: 'POST', body });
    if (!answer.ok) page.showTrouble(await answer.text());
  } catch {
    page.showTrouble(DISCONNECTED);
  }
}

async function ask(question: string): Promise<LiveAnswer> {
  try {
    const answer = await fetch('/ask', { method: 'POST', body: question });
    return answer.ok ? ((await answer.json()) as LiveAnswer) : { refused: await answer.text() };
  } catch {
    return { refused: DISCONNECTED };
  }
}

const DISCONNECTED = 'the server does not answer';

const page = new MachinePage({
  command: (command) => send('/command', JSON.stringify(command)),
  type: (text) => send('/input', text),
  ask,
});
const updates = new EventSource('/updates');
updates.addEventListener('message', ({ data }) => page.take(JSON.parse(data as string) as LiveUpdate));
updates.addEventListener('error', () => page.showTrouble(DISCONNECTED));
