// SPDX-License-Identifier: GPL-2.0-only
/**
 * Free blocks of every order over the run: a row for each order, a column for each moment, darker
 * for more. The numbers of the shown moment are at the right.
 */

import { showTime } from '#common/quantities.ts';
import { MAX_ORDER } from '#workbench/report/memory-state.ts';
import { byId, byIdAs, openSurface, redrawWhenNeeded } from './dom.ts';
import type { MomentAxis } from './moment-axis.ts';
import { readTheme } from './palette.ts';
import type { StoryView } from './story-view.ts';

const ROW = 13;
/** Room for the orders and for the numbers. The other charts leave the same. */
export const LEFT_MARGIN = 34;
export const RIGHT_MARGIN = 62;
const FONT = '10px ui-monospace, "SF Mono", Menlo, Consolas, monospace';

export function showOrderChart(view: StoryView, axis: MomentAxis): void {
  const canvas = byIdAs('orders', HTMLCanvasElement);
  const draw = (): void => {
    // A run that ended before there was an allocator has none to show.
    const hasNone = view.freeBlocks.every((counts) => counts.every((count) => count === 0));
    byId('orders-section').hidden = hasNone;
    if (hasNone) return;
    const { context, width } = openSurface(canvas, (MAX_ORDER + 1) * ROW + 2);
    const theme = readTheme();
    const room = width - LEFT_MARGIN - RIGHT_MARGIN;
    const x = (index: number): number => LEFT_MARGIN + axis.at(index) * room;
    const y = (order: number): number => (MAX_ORDER - order) * ROW + 1;
    const most = Math.log2(1 + view.freeBlocks.reduce((max, counts) => Math.max(max, ...counts), 1));
    context.font = FONT;
    context.textBaseline = 'middle';
    context.fillStyle = theme.line;
    for (let order = 0; order <= MAX_ORDER; order++) context.fillRect(LEFT_MARGIN, y(order) + ROW - 1, room, 0.5);
    context.fillStyle = theme.accent;
    for (const [index, counts] of view.freeBlocks.entries()) {
      const width = Math.max(0.5, x(index + 1) - x(index) + 0.3);
      for (const [order, count] of counts.entries()) {
        if (count === 0) continue;
        context.globalAlpha = 0.2 + (0.8 * Math.log2(1 + count)) / most;
        context.fillRect(x(index), y(order), width, ROW - 1);
      }
    }
    context.globalAlpha = 1;
    const counts = view.freeBlocks[view.current];
    for (let order = 0; order <= MAX_ORDER; order++) {
      context.fillStyle = theme.muted;
      context.textAlign = 'right';
      context.fillText(String(order), LEFT_MARGIN - 6, y(order) + ROW / 2);
      context.textAlign = 'left';
      context.fillStyle = theme.text;
      context.fillText(String(counts?.[order] ?? 0), width - RIGHT_MARGIN + 8, y(order) + ROW / 2);
    }
    context.strokeStyle = theme.text;
    context.strokeRect(
      x(view.current) - 0.5,
      0.5,
      Math.max(2, x(view.current + 1) - x(view.current)) + 1,
      (MAX_ORDER + 1) * ROW,
    );
    byId('orders-text').textContent =
      counts === undefined ? '' : `Free blocks by order 0 to ${MAX_ORDER} at this moment: ${counts.join(' ')}`;
  };
  const momentUnder = (event: MouseEvent): number =>
    axis.momentAt((event.offsetX - LEFT_MARGIN) / (canvas.clientWidth - LEFT_MARGIN - RIGHT_MARGIN));
  canvas.addEventListener('click', (event) => view.select(momentUnder(event)));
  canvas.addEventListener('pointermove', (event) => {
    const index = momentUnder(event);
    const order = MAX_ORDER - Math.floor(event.offsetY / ROW);
    const [moment, count] = [view.moments[index], view.freeBlocks[index]?.[order]];
    if (moment === undefined || count === undefined) return;
    byId('orders-text').textContent = `Order ${order} at ${showTime(moment.t)}: ${count} free · ${moment.text}`;
  });
  canvas.addEventListener('pointerleave', draw);
  redrawWhenNeeded(canvas.parentElement as HTMLElement, draw);
  view.subscribe(draw);
  axis.subscribe(draw);
  draw();
}
