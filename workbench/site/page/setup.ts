// SPDX-License-Identifier: GPL-2.0-only
/** The form that chooses the machine. */

import { showBytes } from '#common/quantities.ts';
import { byId, byIdAs, make } from '#workbench/report/page/dom.ts';
import {
  SITE_FILES,
  SITE_OPTIONS,
  type SiteFile,
  type SiteOption,
  type SiteRequest,
} from '#workbench/site/protocol.ts';
import { HEAD_BYTES, kindOf } from './file-kinds.ts';

/** A file that was given. The worker reads it when it boots: the page holds no copy. */
interface TakenFile {
  readonly name: string;
  readonly contents: Blob;
}

const FILE_NAMES: Readonly<Record<SiteFile, string>> = {
  dtb: 'device tree',
  kernel: 'kernel',
  initrd: 'initial RAM disk',
  bios: 'flash',
  vendorBoot: 'vendor_boot',
};

const bytesOf = async (file: Blob): Promise<Uint8Array> => new Uint8Array(await file.arrayBuffer());

const field = (name: SiteOption): HTMLInputElement | HTMLSelectElement =>
  byId(`option-${name}`) as HTMLInputElement | HTMLSelectElement;

export class Setup {
  private readonly files = new Map<SiteFile, TakenFile>();
  private readonly source = byIdAs('dts', HTMLTextAreaElement);
  private readonly onSnapshot: (bytes: Uint8Array) => void;

  /** @param onSnapshot called with a snapshot that was chosen or dropped */
  constructor(onSnapshot: (bytes: Uint8Array) => void) {
    this.onSnapshot = onSnapshot;
    for (const kind of [...SITE_FILES, 'snapshot'] as const) {
      const input = byIdAs(`file-${kind}`, HTMLInputElement);
      input.addEventListener('change', () => {
        const [file] = input.files ?? [];
        input.value = '';
        if (file !== undefined) void this.take(file, kind);
      });
    }
    this.listenToDrops();
  }

  showBoards(boards: readonly { readonly name: string; readonly title: string }[]): void {
    const select = field('board') as HTMLSelectElement;
    select.replaceChildren(...boards.map(({ name, title }) => make('option', { value: name }, `${name}: ${title}`)));
    select.value = 'pixel6';
  }

  get request(): SiteRequest {
    const options = Object.fromEntries(
      SITE_OPTIONS.map((name) => [name, field(name).value]).filter(([, value]) => value !== ''),
    );
    const files = Object.fromEntries([...this.files].map(([kind, { contents }]) => [kind, contents]));
    return { options, files, dts: this.source.value.trim() === '' ? null : this.source.value };
  }

  /** Fills the form with a machine that a link names. */
  fill({ options, files, dts }: SiteRequest): void {
    for (const name of SITE_OPTIONS) field(name).value = options[name] ?? '';
    for (const [kind, contents] of Object.entries(files)) {
      this.files.set(kind as SiteFile, { name: 'of the link', contents });
    }
    this.dts = dts ?? '';
    this.listFiles();
  }

  set dts(source: string) {
    this.source.value = source;
    byIdAs('dts-options', HTMLDetailsElement).open ||= source !== '';
  }

  private async take(file: File, wanted?: SiteFile | 'snapshot'): Promise<void> {
    const kind = wanted ?? kindOf(file.name, await bytesOf(file.slice(0, HEAD_BYTES)));
    if (kind === 'snapshot') {
      this.onSnapshot(await bytesOf(file));
      return;
    }
    // Of two device trees the last given one counts.
    if (kind === 'dts') {
      this.dts = await file.text();
      this.files.delete('dtb');
    } else {
      if (kind === 'dtb') this.dts = '';
      this.files.set(kind, { name: file.name, contents: file });
    }
    this.listFiles();
  }

  private listFiles(): void {
    byIdAs('file-options', HTMLDetailsElement).open ||= this.files.size > 0;
    byId('files').replaceChildren(
      ...[...this.files].map(([kind, { name, contents }]) => {
        const label = `${FILE_NAMES[kind]}: ${name}, ${showBytes(contents.size)}`;
        const button = make('button', { type: 'button', 'aria-label': `do without ${label}` }, 'do without');
        button.addEventListener('click', () => {
          this.files.delete(kind);
          this.listFiles();
        });
        return make('li', {}, label, button);
      }),
    );
  }

  private listenToDrops(): void {
    const { body } = document;
    const isOver = (over: boolean) => (event: DragEvent) => {
      event.preventDefault();
      body.classList.toggle('dropping', over);
    };
    body.addEventListener('dragover', isOver(true));
    body.addEventListener('dragleave', isOver(false));
    body.addEventListener('drop', (event) => {
      isOver(false)(event);
      for (const file of event.dataTransfer?.files ?? []) void this.take(file);
    });
  }
}
