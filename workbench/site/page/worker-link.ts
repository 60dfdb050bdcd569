// SPDX-License-Identifier: GPL-2.0-only
/** The page's way to the machine in the worker. */

import type { FromWorker, SiteProduct, SiteRequest, ToWorker } from '#workbench/site/protocol.ts';
import type { LiveAnswer, LiveCommand, LiveUpdate } from '#workbench/web/protocol.ts';
import type { MachineLink } from '#workbench/web/page/machine-page.ts';

/** A file that the worker made. */
export interface MadeFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export interface WorkerListener {
  ready(boards: readonly { readonly name: string; readonly title: string }[]): void;
  update(update: LiveUpdate): void;
  failed(why: string, isFault: boolean): void;
}

export class WorkerLink implements MachineLink {
  private readonly worker = new Worker('worker.js');
  private readonly waiting = new Map<number, (message: FromWorker) => void>();
  private asked = 0;

  constructor(listener: WorkerListener) {
    this.worker.addEventListener('message', ({ data }: MessageEvent<FromWorker>) => {
      switch (data.kind) {
        case 'ready':
          listener.ready(data.boards);
          break;
        case 'update':
          listener.update(data.update);
          break;
        case 'failed':
          listener.failed(data.why, data.isFault);
          break;
        case 'answer':
        case 'made':
        case 'refused':
          this.waiting.get(data.id)?.(data);
          this.waiting.delete(data.id);
          break;
      }
    });
    this.worker.addEventListener('error', ({ message }) => listener.failed(message, true));
  }

  boot(request: SiteRequest, paused: boolean): void {
    this.send({ kind: 'boot', request, paused });
  }

  restore(snapshot: Uint8Array): void {
    this.send({ kind: 'restore', snapshot });
  }

  command(command: LiveCommand): void {
    this.send({ kind: 'command', command });
  }

  type(text: string): void {
    this.send({ kind: 'type', text });
  }

  async ask(question: string): Promise<LiveAnswer> {
    const message = await this.request((id) => ({ kind: 'ask', id, question }));
    return message.kind === 'answer' ? message.answer : { refused: whyNot(message) };
  }

  /** @throws Error with the reason */
  async make(product: SiteProduct, request: SiteRequest): Promise<MadeFile> {
    const message = await this.request((id) => ({ kind: 'make', id, product, request }));
    if (message.kind !== 'made') throw new Error(whyNot(message));
    return message;
  }

  private request(make: (id: number) => ToWorker): Promise<FromWorker> {
    const id = ++this.asked;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.send(make(id));
    });
  }

  private send(message: ToWorker): void {
    this.worker.postMessage(message, []);
  }
}

const whyNot = (message: FromWorker): string => (message.kind === 'refused' ? message.why : 'no answer');
