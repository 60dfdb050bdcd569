// SPDX-License-Identifier: GPL-2.0-only
/**
 * Bytes of every class of owner over the run, on a logarithmic scale: a page table and two
 * gigabytes of free memory fit in one picture.
 */

import uPlot from 'uplot';
import { PAGE_SIZE } from '#common/address.ts';
import { showBytes, showTime } from '#common/quantities.ts';
import { OWNER_CLASSES, type OwnerClass } from '#workbench/report/page-data.ts';
import { byId, redrawWhenNeeded } from './dom.ts';
import type { MomentAxis } from './moment-axis.ts';
import { apart } from './label-places.ts';
import { LEFT_MARGIN, RIGHT_MARGIN } from './order-chart.ts';
import { classLabel, readTheme, type Theme } from './palette.ts';
import type { StoryView } from './story-view.ts';

const HEIGHT = 220;
/** Between two names of lines, CSS pixels. */
const LABEL_STEP = 11;

export function showUsageChart(view: StoryView, axis: MomentAxis): void {
  const place = byId('usage');
  let plot: uPlot | null = null;

  const build = (): void => {
    plot?.destroy();
    const theme = readTheme();
    const line = { stroke: theme.muted, grid: { stroke: theme.line, width: 1 }, ticks: { show: false } };
    plot = new uPlot(
      {
        width: Math.max(1, place.clientWidth),
        height: HEIGHT,
        padding: [8, RIGHT_MARGIN - 2, 4, 0],
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, y: false },
        scales: { x: { time: false, range: [0, 1] }, y: { distr: 3, log: 2 } },
        axes: [
          { ...line, show: false },
          {
            ...line,
            size: LEFT_MARGIN,
            font: '10px system-ui, sans-serif',
            gap: 2,
            splits: (_plot, _axis, low, high) => powersBetween(low, high),
            filter: (_plot, splits) => splits,
            // "64 M" fits where "64 MiB" does not.
            values: (_plot, splits) => splits.map((bytes) => showBytes(bytes).replace('iB', '')),
          },
        ],
        series: [
          {},
          ...OWNER_CLASSES.map((ownerClass) => ({
            label: classLabel(ownerClass),
            stroke: ownerClass === 'free' || ownerClass === 'unclaimed' ? theme.muted : theme.classes[ownerClass],
            ...(ownerClass === 'unclaimed' ? { dash: [2, 4] } : {}),
            width: 2,
            points: { show: false },
            ...(uPlot.paths.stepped === undefined ? {} : { paths: uPlot.paths.stepped({ align: 1 }) }),
          })),
        ],
        hooks: {
          draw: [
            (drawn) => {
              markMoment(drawn, axis.at(view.current), theme.text);
              nameLines(drawn, theme);
            },
          ],
          setCursor: [
            ({ cursor: { left = -1 }, over }) => showAmounts(view, axis, left < 0 ? null : left / over.clientWidth),
          ],
        },
      },
      data(view, axis),
      place,
    );
    plot.over.addEventListener('click', (event) => {
      const { width } = (plot as uPlot).over.getBoundingClientRect();
      view.select(axis.momentAt(event.offsetX / width));
    });
  };
  redrawWhenNeeded(place, build);
  view.subscribe((change) => {
    showAmounts(view, axis, null);
    if (change === 'story') plot?.setData(data(view, axis));
    else plot?.redraw(false, false);
  });
  axis.subscribe(() => plot?.setData(data(view, axis)));
  build();
  showAmounts(view, axis, null);
}

/** Prints the values of the lines at `share` of the width, or at the shown moment. */
function showAmounts(view: StoryView, axis: MomentAxis, share: number | null): void {
  const index = share === null ? view.current : axis.momentAt(share);
  const [moment, usage] = [view.moments[index], view.usage[index]];
  const amounts = OWNER_CLASSES.filter((name) => (usage?.[name] ?? 0) > 0).map(
    (name) => `${classLabel(name)} ${showBytes((usage?.[name] ?? 0) * PAGE_SIZE)}`,
  );
  byId('usage-text').textContent =
    moment === undefined ? '' : `At ${showTime(moment.t)}: ${amounts.join(', ')}. The scale is logarithmic.`;
}

/**
 * The name of each line at the right edge, at the height of the line's end; a line may end earlier.
 * A long name begins before the edge.
 */
function nameLines(plot: uPlot, theme: Theme): void {
  const {
    ctx,
    bbox,
    data: [, ...columns],
  } = plot;
  const scale = window.devicePixelRatio;
  const ends = OWNER_CLASSES.flatMap((name, index) => {
    const value = Array.from(columns[index] ?? []).findLast((bytes) => typeof bytes === 'number');
    // RAM that was not claimed yet is soon none, and its long name would hide other lines.
    const isOver = name === 'unclaimed' && typeof columns[index]?.at(-1) !== 'number';
    return typeof value === 'number' && !isOver ? [{ name, y: plot.valToPos(value, 'y', true) }] : [];
  }).sort((a, b) => a.y - b.y);
  const places = apart(
    ends.map(({ y }) => y),
    LABEL_STEP * scale,
    bbox.top + bbox.height,
  );
  ctx.save();
  ctx.font = `${10 * scale}px system-ui, sans-serif`;
  ctx.textAlign = 'left';
  ctx.textBaseline = 'middle';
  ctx.lineJoin = 'round';
  ctx.lineWidth = 4 * scale;
  ctx.strokeStyle = getComputedStyle(plot.root.closest('section') ?? document.body).backgroundColor;
  for (const [index, { name }] of ends.entries()) {
    const at = places[index] as number;
    ctx.fillStyle = name === 'free' || name === 'unclaimed' ? theme.muted : theme.classes[name];
    // "firmware" has room where "firmware (no-map)" would hide the line; the words below have all.
    const label = classLabel(name).replace(/(,| \(| by ).*/, '');
    const left = Math.min(bbox.left + bbox.width + 4 * scale, ctx.canvas.width - ctx.measureText(label).width);
    ctx.strokeText(label, left, at);
    ctx.fillText(label, left, at);
  }
  ctx.restore();
}

function data(view: StoryView, axis: MomentAxis): uPlot.AlignedData {
  const { usage } = view;
  const xs = [...usage.keys()].map((index) => axis.at(index));
  // Each moment lasts until the next; the last one to the edge.
  const columns = OWNER_CLASSES.map((ownerClass) => {
    const values = usage.map((moment) => bytes(moment, ownerClass));
    return [...values, values.at(-1) ?? null];
  });
  return [[...xs, 1], ...columns];
}

function bytes(usage: Readonly<Record<OwnerClass, number>>, ownerClass: OwnerClass): number | null {
  // Zero has no place on a logarithmic scale.
  return usage[ownerClass] === 0 ? null : usage[ownerClass] * PAGE_SIZE;
}

/** 4 KiB, 256 KiB, 16 MiB, 1 GiB, …: a line every six doublings. */
function powersBetween(low: number, high: number): number[] {
  const found: number[] = [];
  for (let value = 2 ** 12; value <= high; value *= 2 ** 6) if (value >= low) found.push(value);
  return found;
}

function markMoment({ ctx, bbox }: uPlot, share: number, colour: string): void {
  ctx.save();
  ctx.strokeStyle = colour;
  ctx.lineWidth = window.devicePixelRatio;
  ctx.beginPath();
  ctx.moveTo(bbox.left + share * bbox.width, bbox.top);
  ctx.lineTo(bbox.left + share * bbox.width, bbox.top + bbox.height);
  ctx.stroke();
  ctx.restore();
}
