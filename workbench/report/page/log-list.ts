// SPDX-License-Identifier: GPL-2.0-only
/**
 * The serial log and other events: a list to search, and to choose a moment from, by pointer or
 * keys.
 */

import { showCount, showTime } from '#common/quantities.ts';
import type { Moment } from '#workbench/report/page-data.ts';
import { byId, byIdAs, make } from './dom.ts';
import type { StoryView } from './story-view.ts';

/** Fills the list and keeps it up to date. */
export class LogList {
  private readonly view: StoryView;
  private readonly list = byId('log');
  private readonly search = byIdAs('log-search', HTMLInputElement);
  private readonly found = byId('log-found');
  private readonly rows: HTMLElement[] = [];
  private selected: HTMLElement | null = null;

  constructor(view: StoryView) {
    this.view = view;
    this.search.addEventListener('input', () => this.filter());
    this.search.addEventListener('keydown', ({ key }) => {
      if (key === 'ArrowDown' || key === 'Enter') this.moveTo(this.nextShown(-1, 1));
    });
    this.list.addEventListener('click', (event) => {
      const row = (event.target as HTMLElement).closest<HTMLElement>('[role=option]');
      if (row !== null) view.select(this.rows.indexOf(row));
    });
    this.list.addEventListener('keydown', (event) => this.onKey(event));
    view.subscribe(() => this.refresh());
  }

  /** Shows what is new, and which line is chosen. */
  refresh(): void {
    this.append();
    this.mark();
  }

  private append(): void {
    const added = this.view.moments.slice(this.rows.length).map((moment, offset) =>
      make(
        'div',
        {
          role: 'option',
          id: `line-${this.rows.length + offset}`,
          'aria-selected': 'false',
          class: `line ${lineClass(moment)}`,
        },
        make('span', { class: 'time' }, showTime(moment.t)),
        make('span', { class: 'text' }, moment.text),
      ),
    );
    if (added.length === 0) return;
    this.rows.push(...added);
    this.list.append(...added);
    this.filter();
  }

  private filter(): void {
    const wanted = this.search.value.trim().toLowerCase();
    let shown = 0;
    for (const [index, row] of this.rows.entries()) {
      const { text } = this.view.moments[index] as Moment;
      const at = wanted === '' ? -1 : text.toLowerCase().indexOf(wanted);
      row.hidden = wanted !== '' && at < 0;
      if (!row.hidden) shown++;
      const place = row.lastElementChild as HTMLElement;
      // Most lines need no change while a story grows.
      if (at >= 0) {
        const hit = make('mark', {}, text.slice(at, at + wanted.length));
        place.replaceChildren(text.slice(0, at), hit, text.slice(at + wanted.length));
      } else if (place.childElementCount > 0) place.replaceChildren(text);
    }
    const { length } = this.rows;
    this.found.textContent =
      wanted === '' ? `${showCount(length)} lines` : `${showCount(shown)} of ${showCount(length)}`;
  }

  private mark(): void {
    const row = this.rows[this.view.current] ?? null;
    if (row === this.selected) return;
    this.selected?.setAttribute('aria-selected', 'false');
    this.selected = row;
    if (row === null) return;
    row.setAttribute('aria-selected', 'true');
    this.list.setAttribute('aria-activedescendant', row.id);
    // Only the list may scroll, not the page.
    const { offsetTop, offsetHeight } = row;
    const { scrollTop, clientHeight } = this.list;
    if (offsetTop < scrollTop) this.list.scrollTop = offsetTop;
    else if (offsetTop + offsetHeight > scrollTop + clientHeight) {
      this.list.scrollTop = offsetTop + offsetHeight - clientHeight;
    }
  }

  private onKey(event: KeyboardEvent): void {
    const { current } = this.view;
    const targets: Readonly<Record<string, () => number>> = {
      ArrowUp: () => this.nextShown(current, -1),
      ArrowDown: () => this.nextShown(current, 1),
      Home: () => this.nextShown(-1, 1),
      End: () => this.nextShown(this.rows.length, -1),
    };
    const target = targets[event.key];
    if (target === undefined) return;
    event.preventDefault();
    this.moveTo(target());
  }

  private moveTo(index: number): void {
    if (this.rows[index] === undefined) return;
    this.view.select(index);
    this.list.focus();
  }

  private nextShown(from: number, step: 1 | -1): number {
    let index = from + step;
    while (this.rows[index]?.hidden === true) index += step;
    return index;
  }
}

function lineClass({ kind, text }: Moment): string {
  if (kind === 'serial') return text.startsWith('PANIC: ') ? 'panic' : 'serial';
  return kind === 'unmapped' ? 'panic' : 'aside';
}
