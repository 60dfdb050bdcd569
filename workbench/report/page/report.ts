// SPDX-License-Identifier: GPL-2.0-only
/** The page that `--report boot.html` writes: puts its parts together around the data inside it. */

import { PAGE_SIZE } from '#common/address.ts';
import type { ReportData } from '#workbench/report/page-data.ts';
import { placesNamed } from '#workbench/report/panic-place.ts';
import { byId, make } from './dom.ts';
import { LaneChart } from './lane-chart.ts';
import { showLegend } from './legend.ts';
import { LogList } from './log-list.ts';
import { MemoryMap } from './memory-map.ts';
import { MomentAxis } from './moment-axis.ts';
import { showMomentBar } from './moment-bar.ts';
import { showOrderChart } from './order-chart.ts';
import { showRanges } from './range-table.ts';
import { showStages } from './stage-strip.ts';
import { StoryView } from './story-view.ts';
import { showUsageChart } from './usage-chart.ts';

function show(data: ReportData): void {
  document.title = `${data.board} ${data.reason}`;
  byId('board').textContent = data.board;
  const reason = byId('reason');
  reason.textContent = data.panic ?? data.reason;
  reason.classList.toggle('bad', data.exitStatus !== 0);
  byId('key-figures').append(
    ...data.keyFigures.map(([name, value]) => make('div', {}, make('dt', {}, name), make('dd', {}, value))),
  );
  byId('notes').append(...data.notes.map((note) => make('p', {}, note)));

  document.body.classList.toggle('foreign', !data.modelled);
  const view = new StoryView(data.banks);
  view.add(data.story);
  const axis = new MomentAxis(view);
  const map = new MemoryMap(view);
  showMomentBar(view, axis);
  showStages(view, axis);
  showLegend(view, map);
  showOrderChart(view, axis);
  showUsageChart(view, axis);
  new LaneChart(view).show(data.lanes, data.endNs);
  showRanges(data.tables, map);
  new LogList(view).refresh();
  if (data.panic !== null) showPanic(data.panic, view, map);
}

/** Opens the page at the panic, and the map at the first place in RAM that it names. */
function showPanic(panic: string, view: StoryView, map: MemoryMap): void {
  const index = view.moments.findIndex(({ text }) => text.includes(panic));
  if (index < 0) return;
  view.select(index);
  // The line after the panic gives the reason, with numbers.
  const texts = view.moments.slice(index, index + 2).map(({ text }) => text);
  const named = placesNamed(texts.join(' '))
    .map((address) => Math.floor(address / PAGE_SIZE))
    .find((pfn) => view.state.find(pfn) !== null);
  if (named !== undefined) map.goTo(named);
}

show(JSON.parse(byId('data').textContent ?? '') as ReportData);
