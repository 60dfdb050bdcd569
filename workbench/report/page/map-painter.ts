// SPDX-License-Identifier: GPL-2.0-only
/**
 * Paints rows of memory on a canvas: owners, or free blocks by order. Changes at this moment are
 * underlined.
 */

import { blocksOf, type FrameSpan, type MemoryState, OWNER_FREE, type Run } from '#workbench/report/memory-state.ts';
import type { OwnerClass } from '#workbench/report/page-data.ts';
import type { MapRow } from '#workbench/report/map-layout.ts';
import { CLASS_PAINTS, orderColour, type Theme } from './palette.ts';
import type { StoryView } from './story-view.ts';

/** The meaning of the colours. */
export type Colouring = 'owners' | 'orders';

/** Choices for painting the map. */
export interface MapStyle {
  readonly colouring: Colouring;
  /** The highlighted class; null for none. */
  readonly emphasis: OwnerClass | null;
  /** Frames that are framed: those that the chosen line of the log names. */
  readonly named: readonly FrameSpan[];
  readonly theme: Theme;
}

/** Place of a row on the canvas, CSS pixels. */
export interface RowPlace {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const FADED = 0.22;
/** Least width of a block with an outline: a narrower one would consist of its outline only. */
const OUTLINE_FROM = 5;

export function paintRow(
  context: CanvasRenderingContext2D,
  view: StoryView,
  row: MapRow,
  place: RowPlace,
  style: MapStyle,
): void {
  const { state } = view;
  const scale = place.width / (row.end - row.start);
  const x = (pfn: number): number => place.x + (Math.min(Math.max(pfn, row.start), row.end) - row.start) * scale;
  const runs = runsOf(state, row);
  // Free memory is painted first, so that small owned ranges do not vanish behind it.
  for (const run of runs) if (run.owner === OWNER_FREE) paintFree(context, run, row, x, place, style);
  for (const run of runs) if (run.owner !== OWNER_FREE) paintTaken(context, view, run, x, place, style);
  context.fillStyle = style.theme.accent;
  for (const run of runs) {
    if (run.since < view.operationsBefore || run.since < 0) continue;
    context.fillRect(x(run.start), place.y + place.height + 1, Math.max(2, x(run.end) - x(run.start)), 2);
  }
  context.strokeStyle = style.theme.text;
  context.lineWidth = 1.5;
  for (const { start, end } of style.named) {
    if (end <= row.start || start >= row.end) continue;
    context.strokeRect(x(start), place.y, Math.max(3, x(end) - x(start)), place.height);
  }
}

function runsOf(state: MemoryState, row: MapRow): Run[] {
  const found: Run[] = [];
  for (let index = state.firstEndingAfter(row.start); index < state.runs.length; index++) {
    const run = state.runs[index] as Run;
    if (run.start >= row.end) break;
    found.push(run);
  }
  return found;
}

function paintFree(
  context: CanvasRenderingContext2D,
  run: Run,
  row: MapRow,
  x: (pfn: number) => number,
  { y, height }: RowPlace,
  { colouring, emphasis, theme }: MapStyle,
): void {
  context.globalAlpha = emphasis === null || emphasis === 'free' ? 1 : FADED;
  if (colouring === 'owners') {
    context.fillStyle = theme.classes.free;
    context.fillRect(x(run.start), y, x(run.end) - x(run.start), height);
  } else {
    for (const { start, order } of blocksOf(run)) {
      const end = start + 2 ** order;
      if (end <= row.start || start >= row.end) continue;
      const width = x(end) - x(start);
      context.fillStyle = orderColour(order);
      context.fillRect(x(start), y, width > OUTLINE_FROM ? width - 1 : width, height);
    }
  }
  context.globalAlpha = 1;
}

function paintTaken(
  context: CanvasRenderingContext2D,
  view: StoryView,
  run: Run,
  x: (pfn: number) => number,
  { y, height }: RowPlace,
  { colouring, emphasis, theme }: MapStyle,
): void {
  const { class: ownerClass } = view.owner(run.owner);
  const from = x(run.start);
  const width = Math.max(1, x(run.end) - from);
  context.globalAlpha = emphasis === null || emphasis === ownerClass ? 1 : FADED;
  context.fillStyle = colouring === 'owners' ? theme.classes[ownerClass] : theme.taken;
  context.fillRect(from, y, width, height);
  if (colouring === 'owners' && CLASS_PAINTS[ownerClass].hatched === true) {
    hatch(context, theme.hatch, from, y, width, height);
  }
  context.globalAlpha = 1;
}

function hatch(
  context: CanvasRenderingContext2D,
  colour: string,
  x: number,
  y: number,
  width: number,
  height: number,
): void {
  context.save();
  context.beginPath();
  context.rect(x, y, width, height);
  context.clip();
  context.strokeStyle = colour;
  context.lineWidth = 1;
  context.beginPath();
  // Stripes are on a fixed grid, so that those of neighbours are continuous.
  for (let at = Math.floor((x - height) / 6) * 6; at < x + width; at += 6) {
    context.moveTo(at, y + height);
    context.lineTo(at + height, y);
  }
  context.stroke();
  context.restore();
}
