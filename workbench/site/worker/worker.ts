// SPDX-License-Identifier: GPL-2.0-only
/**
 * The site's worker: it has the machine, runs it, and answers the page. Nothing here is native: the
 * own core makes WebAssembly. The firmware's images are fetched from the folder of this file.
 */

import { boards } from '#boards/registry.ts';
import { BoardError } from '#boards/board-error.ts';
import { encodeUtf8 } from '#common/utf8.ts';
import { decompileDts } from '#fdt/dts/decompile.ts';
import { Fdt, FdtError } from '#fdt/index.ts';
import { provideFirmwareImage } from '#host/firmware-images.ts';
import { makeReport } from '#workbench/report/run-report.ts';
import { InputError } from '#workbench/input-error.ts';
import { LevitateMachine, type MachineSettings } from '#workbench/machine/levitate-machine.ts';
import { collectReport } from '#workbench/report/collect.ts';
import { withData } from '#workbench/report/page-with-data.ts';
import { STORY_TRACE } from '#workbench/report/story-builder.ts';
import type { FromWorker, SiteProduct, SiteRequest, ToWorker } from '#workbench/site/protocol.ts';
import { restoreMachine } from '#workbench/machine/restore-snapshot.ts';
import { LiveMachine } from '#workbench/web/live-machine.ts';
import { siteSettings } from './settings.ts';

/** A worker's own global, which the types of a page do not have. */
interface WorkerScope {
  postMessage(message: FromWorker, transfer: Transferable[]): void;
  addEventListener(kind: 'message', listener: (event: MessageEvent<ToWorker>) => void): void;
}
const scope = globalThis as unknown as WorkerScope;

/** Files of firmware/images that a boot can need. */
declare const FIRMWARE_FILES: readonly string[];

let live: LiveMachine | null = null;
/** Machines that were wanted so far. */
let turns = 0;

const send = (message: FromWorker): void => scope.postMessage(message, []);

/** Reports an error: an input error if the user can correct it, else a fault of the emulator. */
function failed(error: unknown): void {
  const isFault = !isInput(error);
  const why = error instanceof Error ? (isFault ? (error.stack ?? error.message) : error.message) : String(error);
  send({ kind: 'failed', why, isFault });
}

const isInput = (error: unknown): boolean =>
  error instanceof InputError || error instanceof BoardError || error instanceof FdtError;

async function start(
  settings: MachineSettings,
  paused: boolean,
  begin?: ConstructorParameters<typeof LiveMachine>[2],
): Promise<void> {
  live?.close();
  live = null;
  const made = new LiveMachine(settings, paused, begin);
  live = made;
  made.subscribe((update) => {
    if (live === made) send({ kind: 'update', update });
  });
  try {
    await made.run();
  } catch (error) {
    if (live === made) live = null;
    throw error;
  }
}

/** The last one that was wanted counts: reading its files takes a moment. */
async function boot(request: SiteRequest, paused: boolean): Promise<void> {
  const turn = ++turns;
  const settings = await siteSettings(request);
  if (turn === turns) await start(settings, paused);
}

/** The machine of a snapshot; a restart goes back to where the snapshot was taken. */
async function restore(snapshot: Uint8Array): Promise<void> {
  turns++;
  const first = restoreMachine(snapshot, { trace: [...STORY_TRACE] });
  const { settings } = first.parts;
  first.close();
  return start(settings, true, (wanted) => restoreMachine(snapshot, { trace: wanted.trace }));
}

/** The device tree that a machine would get. */
async function treeOf(request: SiteRequest): Promise<Uint8Array> {
  const machine = new LevitateMachine(await siteSettings(request));
  try {
    return machine.deviceTree;
  } finally {
    machine.close();
  }
}

async function make(product: SiteProduct, request: SiteRequest): Promise<{ name: string; bytes: Uint8Array }> {
  if (product === 'dtb') return { name: 'board.dtb', bytes: await treeOf(request) };
  if (product === 'dts') {
    return { name: 'board.dts', bytes: encodeUtf8(decompileDts(Fdt.open(await treeOf(request)))) };
  }
  if (live === null) throw new InputError('there is no machine yet: boot one first');
  const machine = live.present;
  const name = machine.board.name;
  switch (product) {
    case 'serial':
      return { name: `${name}.txt`, bytes: machine.serial.bytes.slice() };
    case 'snapshot':
      return { name: `${name}.snap`, bytes: machine.save() };
    case 'log':
      return { name: `${name}.log`, bytes: new TextEncoder().encode(live.log) };
    case 'report': {
      const page = await (await fetch('report.html')).text();
      const outcome = live.outcome;
      const data = collectReport(
        machine,
        outcome,
        makeReport(machine, outcome, outcome.exitStatus, performance.now()),
        live.story,
      );
      return { name: `${name}.html`, bytes: new TextEncoder().encode(withData(page, data)) };
    }
  }
}

async function answer(id: number, work: () => Promise<FromWorker> | FromWorker): Promise<void> {
  try {
    send(await work());
  } catch (error) {
    send({ kind: 'refused', id, why: error instanceof Error ? error.message : String(error) });
  }
}

function take(message: ToWorker): void {
  switch (message.kind) {
    case 'boot':
      boot(message.request, message.paused).catch(failed);
      break;
    case 'restore':
      restore(message.snapshot).catch(failed);
      break;
    case 'command':
      live?.command(message.command);
      break;
    case 'type':
      live?.type(new TextEncoder().encode(message.text));
      break;
    case 'ask': {
      const { id, question } = message;
      const asked = live?.ask(question) ?? { refused: 'there is no machine yet: boot one first' };
      send({ kind: 'answer', id, answer: asked });
      break;
    }
    case 'make': {
      const { id, product, request } = message;
      void answer(id, async () => ({ kind: 'made', id, ...(await make(product, request)) }));
      break;
    }
  }
}

async function fetchFirmware(): Promise<void> {
  const fetched = FIRMWARE_FILES.map(async (name) => {
    const response = await fetch(`firmware/${name}`);
    if (!response.ok) throw new Error(`firmware/${name} cannot be fetched: ${response.status}`);
    provideFirmwareImage(name, new Uint8Array(await response.arrayBuffer()));
  });
  await Promise.all(fetched);
  scope.addEventListener('message', ({ data }) => {
    try {
      take(data);
    } catch (error) {
      failed(error);
    }
  });
  send({ kind: 'ready', boards: boards.map(({ name, title }) => ({ name, title })) });
}

fetchFirmware().catch(failed);
