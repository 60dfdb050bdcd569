// SPDX-License-Identifier: GPL-2.0-only
/**
 * Lanes on a time axis of their own. The chart can be enlarged around the pointer, and moved by
 * dragging and by keys. It shows what lies under the pointer.
 */

import { showCount, showTime } from '#common/quantities.ts';
import type { Lane, LaneMark } from '#workbench/report/page-data.ts';
import { byId, byIdAs, onKeys, onWheelZoom, openSurface, redrawWhenNeeded } from './dom.ts';
import { readTheme, type Theme } from './palette.ts';
import type { StoryView } from './story-view.ts';

const ROW = 30;
const BAR = 13;
const AXIS = 18;
const TICKS = 4;
const FONT = '10px system-ui, sans-serif';
/** Shortest stretch of time across the width, nanoseconds. */
const SHORTEST = 100;

export class LaneChart {
  private readonly canvas = byIdAs('lanes', HTMLCanvasElement);
  private readonly view: StoryView;
  private lanes: readonly Lane[] = [];
  private end = SHORTEST;
  private from = 0;
  private to = SHORTEST;
  private width = 1;

  constructor(view: StoryView) {
    this.view = view;
    this.listen();
    redrawWhenNeeded(this.canvas.parentElement as HTMLElement, () => this.draw());
    view.subscribe(() => this.draw());
  }

  /**
   * Shows the lanes of a run up to `endNs`: all of it, where all was shown. None: the run has not
   * stood still yet.
   */
  show(lanes: readonly Lane[], endNs: number): void {
    byId('lanes-part').hidden = lanes.length === 0;
    byId('lanes-none').hidden = lanes.length > 0;
    const isWhole = this.from === 0 && this.to === this.end;
    this.lanes = lanes;
    this.end = Math.max(SHORTEST, endNs);
    if (isWhole) this.to = this.end;
    this.showStretch(this.from, this.to - this.from);
  }

  draw(): void {
    const { context, width } = openSurface(this.canvas, this.lanes.length * ROW + AXIS);
    this.width = width;
    const theme = readTheme();
    context.font = FONT;
    context.textBaseline = 'middle';
    for (const [index, lane] of this.lanes.entries()) this.drawLane(context, lane, index * ROW, theme);
    context.fillStyle = theme.muted;
    for (let tick = 0; tick <= TICKS; tick++) {
      context.textAlign = tick === 0 ? 'left' : tick === TICKS ? 'right' : 'center';
      const text = showTime(this.from + ((this.to - this.from) * tick) / TICKS);
      context.fillText(text, (width * tick) / TICKS, this.lanes.length * ROW + AXIS / 2);
    }
    const { moment } = this.view;
    if (moment === null || moment.t < this.from || moment.t > this.to) return;
    context.fillStyle = theme.text;
    context.fillRect(Math.min(width - 1, this.x(moment.t)), 0, 1, this.lanes.length * ROW);
  }

  private drawLane(context: CanvasRenderingContext2D, { name, marks }: Lane, y: number, theme: Theme): void {
    const all = marks.reduce((sum, [, , count]) => sum + count, 0);
    context.textAlign = 'left';
    context.fillStyle = theme.muted;
    context.fillText(all > 1 ? `${name}: ${showCount(all)}` : name, 0, y + 8);
    for (const mark of marks) {
      const [from, to, count, text] = mark;
      if (to < this.from || from > this.to) continue;
      const left = Math.max(0, this.x(from));
      const wide = Math.max(1, Math.min(this.width, this.x(to)) - left);
      const isFaint = to > from && count > 1;
      context.globalAlpha = isFaint ? 0.5 : 0.85;
      context.fillStyle = theme.classes[COLOURS[text] ?? (to > from ? 'mem_map' : 'kernel')];
      context.fillRect(left, y + 15, wide, BAR);
      context.globalAlpha = 1;
      if (wide < context.measureText(text).width + 6) continue;
      context.fillStyle = isFaint ? theme.text : theme.accentText;
      context.fillText(text, left + 3, y + 15 + BAR / 2);
    }
  }

  private x(t: number): number {
    return ((t - this.from) / (this.to - this.from)) * this.width;
  }

  private timeAt(x: number): number {
    return this.from + (x / this.width) * (this.to - this.from);
  }

  private showStretch(from: number, length: number): void {
    const wanted = Math.min(this.end, Math.max(SHORTEST, length));
    this.from = Math.max(0, Math.min(from, this.end - wanted));
    this.to = this.from + wanted;
    this.draw();
  }

  /** Keeps the time at `share` of the width where it is. */
  private zoom(by: number, share = 0.5): void {
    const length = this.to - this.from;
    this.showStretch(this.from + share * length * (1 - by), length * by);
  }

  private describe(x: number, y: number): void {
    const lane = this.lanes[Math.floor(y / ROW)];
    const t = this.timeAt(x);
    const near = ((this.to - this.from) / this.width) * 3;
    const found = lane?.marks.findLast(([from, to]) => from - near <= t && to + near >= t);
    byId('lanes-text').textContent =
      lane === undefined ? '' : `${lane.name} at ${showTime(t)}: ${found === undefined ? 'nothing' : wordsOf(found)}`;
  }

  private listen(): void {
    const { canvas } = this;
    let drag: { readonly x: number; readonly from: number } | null = null;
    canvas.addEventListener('pointerdown', ({ offsetX }) => {
      drag = { x: offsetX, from: this.from };
      const t = this.timeAt(offsetX);
      const next = this.view.moments.findIndex((moment) => moment.t > t);
      this.view.select((next < 0 ? this.view.moments.length : next) - 1);
    });
    canvas.addEventListener('pointermove', ({ offsetX, offsetY, buttons }) => {
      this.describe(offsetX, offsetY);
      if (drag === null || buttons === 0) return;
      const length = this.to - this.from;
      this.showStretch(drag.from - ((offsetX - drag.x) / this.width) * length, length);
    });
    for (const end of ['pointerup', 'pointerleave']) canvas.addEventListener(end, () => (drag = null));
    canvas.addEventListener('dblclick', ({ offsetX, shiftKey }) => {
      this.zoom(shiftKey ? 4 : 1 / 4, offsetX / this.width);
    });
    onWheelZoom(canvas, ({ offsetX }, closer) => this.zoom(closer ? 1 / 2 : 2, offsetX / this.width));
    const move = (by: number): void => this.showStretch(this.from + by * (this.to - this.from), this.to - this.from);
    onKeys(canvas, {
      '+': () => this.zoom(1 / 2),
      '=': () => this.zoom(1 / 2),
      '-': () => this.zoom(2),
      0: () => this.showStretch(0, this.end),
      ArrowLeft: () => move(-0.2),
      ArrowRight: () => move(0.2),
    });
    byId('lanes-closer').addEventListener('click', () => this.zoom(1 / 2));
    byId('lanes-further').addEventListener('click', () => this.zoom(2));
    byId('lanes-whole').addEventListener('click', () => this.showStretch(0, this.end));
  }
}

/** Colours by the text of a stretch; other texts have the colour of their shape. */
const COLOURS: Readonly<Record<string, 'user' | 'mem_map' | 'tables' | 'heap'>> = {
  EL0: 'user',
  EL1: 'mem_map',
  EL2: 'tables',
  EL3: 'heap',
  on: 'heap',
};

function wordsOf([from, to, count, text]: LaneMark): string {
  const when = to > from ? `${showTime(from)} to ${showTime(to)}` : showTime(from);
  return count === 1 ? `${text}, ${when}` : `${text} and ${showCount(count - 1)} more, ${when}`;
}
