// SPDX-License-Identifier: GPL-2.0-only
/**
 * The kernel's page tables at the end of the run, merged into ranges; a range that is pressed is
 * shown on the map.
 */

import { hex, PAGE_SIZE } from '#common/address.ts';
import { showBytes } from '#common/quantities.ts';
import type { MappedRange } from '#workbench/report/page-data.ts';
import { byId, make } from './dom.ts';
import type { MemoryMap } from './memory-map.ts';

export function showRanges(ranges: readonly MappedRange[] | null, map: MemoryMap): void {
  const section = byId('tables-section');
  if (ranges === null) {
    section.hidden = true;
    return;
  }
  byId('ranges').replaceChildren(
    ...ranges.map(({ va, pa, bytes, entries, attributes, writableAndExecutable }) => {
      const go = make('button', { type: 'button', class: 'link', title: 'show on the map' }, hex(pa));
      go.addEventListener('click', () => map.goTo(Math.floor(pa / PAGE_SIZE)));
      const words = writableAndExecutable ? `writable and executable! ${attributes}` : attributes;
      return make(
        'tr',
        writableAndExecutable ? { class: 'violation' } : {},
        make('td', { class: 'mono' }, va),
        make('td', { class: 'mono' }, go),
        make('td', { class: 'number' }, showBytes(bytes)),
        make('td', {}, entries),
        make('td', {}, words),
      );
    }),
  );
}
