// SPDX-License-Identifier: GPL-2.0-only
/**
 * The map of physical memory in painted rows. It can be enlarged around a place, and moved by
 * dragging and by keys. The line below it says what lies under the pointer; a screen reader reads
 * that line too.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { showBytes, showCount, showTime } from '#common/quantities.ts';
import { bisect } from '#common/range.ts';
import { blocksOf, type FrameSpan, OWNER_FREE } from '#workbench/report/memory-state.ts';
import type { OwnerClass } from '#workbench/report/page-data.ts';
import { byId, byIdAs, onKeys, onWheelZoom, openSurface, redrawWhenNeeded } from './dom.ts';
import { MapLayout, type MapRow, VIEW_ROWS, wholeRowFrames, zoomed } from '#workbench/report/map-layout.ts';
import { type Colouring, paintRow } from './map-painter.ts';
import { readTheme, type Theme } from './palette.ts';
import type { StoryView } from './story-view.ts';

const ROW_HEIGHT = 14;
/** Height with the underline of changed frames. */
const ROW_STEP = 20;
const BANK_HEAD = 20;
const LABEL_WIDTH = 92;
/** Height of the row for all of RAM, above an enlarged part. */
const OVERVIEW = 22;
const FONT = '11px ui-monospace, "SF Mono", Menlo, Consolas, monospace';

interface PlacedRow {
  readonly row: MapRow;
  readonly y: number;
}

export class MemoryMap {
  /** Called with the frame that was pressed or gone to. */
  onChosen: (pfn: number) => void = () => {};
  private readonly view: StoryView;
  private readonly canvas = byIdAs('map', HTMLCanvasElement);
  private readonly detail = byId('map-detail');
  private layout: MapLayout;
  private topRow = 0;
  private placed: PlacedRow[] = [];
  private width = 0;
  private colouring: Colouring = 'owners';
  private emphasis: OwnerClass | null = null;
  private named: readonly FrameSpan[] = [];
  /** Frame that zooming keeps in view. */
  private focus: number;

  constructor(view: StoryView) {
    this.view = view;
    this.layout = new MapLayout(view.banks, wholeRowFrames(view.banks));
    this.focus = view.banks[0]?.start ?? 0;
    this.listen();
    redrawWhenNeeded(this.canvas.parentElement as HTMLElement, () => this.draw());
    let { banks } = view;
    view.subscribe(() => {
      if (view.banks !== banks) {
        ({ banks } = view);
        this.topRow = 0;
        this.focus = banks[0]?.start ?? 0;
        this.layout = new MapLayout(banks, wholeRowFrames(banks));
      }
      this.named = framesNamedIn(view.moment?.text ?? '');
      this.reveal();
      this.draw();
    });
    this.draw();
  }

  setColouring(colouring: Colouring): void {
    this.colouring = colouring;
    byId('legend').hidden = colouring !== 'owners';
    byId('order-scale').hidden = colouring !== 'orders';
    this.draw();
  }

  /** Highlights one class; null for none. */
  emphasise(ownerClass: OwnerClass | null): void {
    this.emphasis = ownerClass;
    this.draw();
  }

  /**
   * Moves the frame into the middle and describes it. Enlarges the map until a row has 64 MiB or
   * less.
   */
  goTo(pfn: number): void {
    this.focus = pfn;
    let rowFrames = this.layout.rowFrames;
    while (rowFrames > 16_384) rowFrames /= 2;
    this.setRowFrames(rowFrames);
    this.named = [{ start: pfn, end: pfn + 1 }];
    this.draw();
    this.describe(pfn);
    this.onChosen(pfn);
  }

  private setRowFrames(rowFrames: number): void {
    this.layout = new MapLayout(this.view.banks, rowFrames);
    this.scrollTo(this.layout.rowOf(this.focus) - Math.floor(VIEW_ROWS / 2));
  }

  private zoom(closer: boolean): void {
    this.setRowFrames(zoomed(this.view.banks, this.layout.rowFrames, closer));
  }

  private scrollTo(row: number): void {
    this.topRow = Math.max(0, Math.min(row, this.layout.rowCount - this.rowsInView()));
    this.draw();
  }

  /** Scrolls an enlarged map to the ranges that the log line names. */
  private reveal(): void {
    const [first] = this.named;
    if (first === undefined) return;
    const row = this.layout.rowOf(first.start);
    const inView = row >= this.topRow && row < this.topRow + this.rowsInView();
    if (inView) return;
    this.focus = first.start;
    this.scrollTo(row - Math.floor(VIEW_ROWS / 2));
  }

  private moveBy(rows: number): void {
    this.scrollTo(this.topRow + rows);
    this.focus = this.layout.row(this.topRow + Math.floor(this.rowsInView() / 2))?.start ?? this.focus;
  }

  private rowsInView(): number {
    return Math.min(VIEW_ROWS, this.layout.rowCount);
  }

  private draw(): void {
    const { view, layout } = this;
    this.placed = this.placeRows();
    const height = (this.placed.at(-1)?.y ?? 0) + ROW_STEP;
    const { context, width } = openSurface(this.canvas, height);
    this.width = width;
    const theme = readTheme();
    const { colouring, emphasis, named } = this;
    context.font = FONT;
    context.textBaseline = 'middle';
    if (this.isEnlarged) this.drawOverview(context, theme);
    for (const { row, y } of this.placed) {
      if (row.opensBank) {
        const bank = view.banks[row.bank] as FrameSpan;
        context.fillStyle = theme.text;
        const size = showBytes((bank.end - bank.start) * PAGE_SIZE);
        const before = view.banks[row.bank - 1];
        const hole = before === undefined ? 0 : (bank.start - before.end) * PAGE_SIZE;
        const gap = hole === 0 ? '' : `, after a hole of ${showBytes(hole)}`;
        context.fillText(`bank ${row.bank}: ${size} at ${address(bank.start)}${gap}`, 0, y - BANK_HEAD / 2);
      }
      context.fillStyle = theme.muted;
      context.fillText(address(row.start), 0, y + ROW_HEIGHT / 2);
      const place = { x: LABEL_WIDTH, y, width: width - LABEL_WIDTH, height: ROW_HEIGHT };
      paintRow(context, view, row, place, { colouring, emphasis, named, theme });
    }
    byId('map-scale').textContent =
      `${showBytes(layout.rowFrames * PAGE_SIZE)} a row` +
      (layout.rowCount > this.placed.length
        ? `, rows ${showCount(this.topRow + 1)} to ${showCount(this.topRow + this.placed.length)} of ${showCount(layout.rowCount)}`
        : ', all of RAM');
  }

  /** All of RAM in one row, with the visible part marked. */
  private drawOverview(context: CanvasRenderingContext2D, theme: Theme): void {
    const { view, width, placed } = this;
    const room = width - LABEL_WIDTH;
    const x = (pfn: number): number => LABEL_WIDTH + this.shareOf(pfn) * room;
    context.fillStyle = theme.muted;
    context.fillText('all of RAM', 0, ROW_HEIGHT / 2);
    for (const { start, end, owner } of view.state.runs) {
      context.fillStyle = theme.classes[view.owner(owner).class];
      context.fillRect(x(start), 2, Math.max(1, x(end) - x(start)), ROW_HEIGHT - 4);
    }
    const [first, last] = [placed[0]?.row, placed.at(-1)?.row];
    if (first === undefined || last === undefined) return;
    context.strokeStyle = theme.text;
    context.lineWidth = 2;
    const left = x(first.start);
    context.strokeRect(left - 1, 1, Math.max(4, x(last.end) - left + 2), ROW_HEIGHT - 2);
  }

  private get isEnlarged(): boolean {
    return this.layout.rowCount > this.rowsInView();
  }

  /** Share of RAM below frame `pfn`. */
  private shareOf(pfn: number): number {
    const below = ({ start, end }: FrameSpan): number => Math.max(0, Math.min(pfn, end) - start);
    const { banks } = this.view;
    const all = banks.reduce((sum, { start, end }) => sum + end - start, 0);
    return banks.reduce((sum, bank) => sum + below(bank), 0) / all;
  }

  private overviewRow(x: number): number {
    const share = (x - LABEL_WIDTH) / (this.width - LABEL_WIDTH);
    const isLeft = (row: number): boolean => this.shareOf(this.layout.row(row)?.start ?? 0) <= share;
    return Math.max(0, bisect(this.layout.rowCount, isLeft) - 1);
  }

  private placeRows(): PlacedRow[] {
    const placed: PlacedRow[] = [];
    let y = this.isEnlarged ? OVERVIEW : 0;
    for (let index = this.topRow; index < this.topRow + this.rowsInView(); index++) {
      const row = this.layout.row(index);
      if (row === null) break;
      if (row.opensBank) y += BANK_HEAD;
      placed.push({ row, y });
      y += ROW_STEP;
    }
    return placed;
  }

  /** Frame under a place on the canvas, or null. */
  private frameAt(x: number, y: number): number | null {
    const hit = this.placed.find((placed) => y >= placed.y && y < placed.y + ROW_STEP);
    const share = (x - LABEL_WIDTH) / (this.width - LABEL_WIDTH);
    if (hit === undefined || share < 0 || share >= 1) return null;
    return hit.row.start + Math.floor(share * this.layout.rowFrames);
  }

  private describe(pfn: number): void {
    const { view } = this;
    const run = view.state.find(pfn);
    if (run === null) {
      this.detail.textContent = `${address(pfn)}: not RAM`;
      return;
    }
    let [start, end] = [run.start, run.end];
    let what = view.owner(run.owner).name;
    if (run.owner === OWNER_FREE) {
      const block = [...blocksOf(run)].find((one) => pfn < one.start + 2 ** one.order);
      if (block !== undefined) {
        [start, end] = [block.start, block.start + 2 ** block.order];
        what = `free block of order ${block.order}`;
      }
    }
    const time = view.timeOf(run.since);
    const since = time === null ? '' : `, since ${showTime(time)}`;
    this.detail.textContent = `${address(start)}..${address(end)}: ${what}, ${showBytes((end - start) * PAGE_SIZE)}${since}`;
  }

  private listen(): void {
    const { canvas } = this;
    let drag: { readonly y: number; readonly top: number } | null = null;
    const frameOf = (event: MouseEvent): number | null => this.frameAt(event.offsetX, event.offsetY);
    canvas.addEventListener('pointerdown', (event) => {
      if (this.isEnlarged && event.offsetY < ROW_HEIGHT) {
        const row = this.overviewRow(event.offsetX);
        this.focus = this.layout.row(row)?.start ?? this.focus;
        this.scrollTo(row - Math.floor(VIEW_ROWS / 2));
        return;
      }
      const pfn = frameOf(event);
      if (pfn !== null) this.focus = pfn;
      if (event.pointerType === 'mouse') drag = { y: event.offsetY, top: this.topRow };
      if (pfn !== null) {
        this.describe(pfn);
        this.onChosen(pfn);
      }
    });
    canvas.addEventListener('pointermove', (event) => {
      if (drag !== null && event.buttons !== 0) {
        const top = drag.top - Math.round((event.offsetY - drag.y) / ROW_STEP);
        if (top !== this.topRow) this.scrollTo(top);
        return;
      }
      const pfn = frameOf(event);
      if (pfn !== null) this.describe(pfn);
    });
    for (const end of ['pointerup', 'pointerleave']) canvas.addEventListener(end, () => (drag = null));
    canvas.addEventListener('dblclick', (event) => {
      const pfn = frameOf(event);
      if (pfn !== null) this.focus = pfn;
      this.zoom(!event.shiftKey);
    });
    onWheelZoom(canvas, (event, closer) => {
      this.focus = frameOf(event) ?? this.focus;
      this.zoom(closer);
    });
    onKeys(canvas, {
      '+': () => this.zoom(true),
      '=': () => this.zoom(true),
      '-': () => this.zoom(false),
      0: () => this.setRowFrames(wholeRowFrames(this.view.banks)),
      ArrowUp: () => this.moveBy(-1),
      ArrowDown: () => this.moveBy(1),
      PageUp: () => this.moveBy(-VIEW_ROWS),
      PageDown: () => this.moveBy(VIEW_ROWS),
    });
    byId('map-closer').addEventListener('click', () => this.zoom(true));
    byId('map-further').addEventListener('click', () => this.zoom(false));
    byId('map-whole').addEventListener('click', () => this.setRowFrames(wholeRowFrames(this.view.banks)));
    byIdAs('map-colouring', HTMLSelectElement).addEventListener('change', (event) => {
      this.setColouring((event.target as HTMLSelectElement).value as Colouring);
    });
    byIdAs('map-go', HTMLFormElement).addEventListener('submit', (event) => {
      event.preventDefault();
      const text = byIdAs('map-address', HTMLInputElement).value.replaceAll('_', '').trim();
      const value = Number(/^[0-9a-f]*[a-f][0-9a-f]*$/i.test(text) ? `0x${text}` : text);
      if (text === '' || !Number.isSafeInteger(value) || value < 0) {
        this.detail.textContent = `"${text}" is no physical address; write it as 0x880000000`;
      } else this.goTo(Math.floor(value / PAGE_SIZE));
    });
  }
}

/** Ranges of frames that a line of the log names: "0x00800b3000..0x00830b3000". */
function framesNamedIn(text: string): FrameSpan[] {
  return [...text.matchAll(/0x([0-9a-f]+)\.\.0x([0-9a-f]+)/gi)].map(([, from, to]) => ({
    start: Math.floor(Number.parseInt(from as string, 16) / PAGE_SIZE),
    end: Math.ceil(Number.parseInt(to as string, 16) / PAGE_SIZE),
  }));
}

function address(pfn: number): string {
  return hex(pfn * PAGE_SIZE);
}
