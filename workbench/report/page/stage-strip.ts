// SPDX-License-Identifier: GPL-2.0-only
/** The boot's stages over the same width as the charts, and how long each took. */

import { showTime } from '#common/quantities.ts';
import { byId, make, redrawWhenNeeded } from './dom.ts';
import type { MomentAxis } from './moment-axis.ts';
import type { StoryView } from './story-view.ts';

/** CSS pixels. */
const NARROWEST_LABEL = 14;

interface Segment {
  readonly name: string;
  readonly from: number;
  readonly t: number;
  readonly durationNs: number;
}

export function showStages(view: StoryView, axis: MomentAxis): void {
  const strip = byId('stage-strip');
  const list = byId('stage-list');
  const draw = (): void => {
    const segments = segmentsOf(view);
    strip.replaceChildren(
      ...segments.map(({ name, from, t, durationNs }, index) => {
        const to = segments[index + 1]?.from ?? view.moments.length;
        const title = `${name}: from ${showTime(t)}, ${showTime(durationNs)}`;
        const share = Math.max(0, axis.at(to) - axis.at(from));
        // A text that does not fit is left out.
        const label = share * strip.clientWidth < NARROWEST_LABEL ? '' : (name.split(' ')[0] ?? '');
        const button = make('button', { type: 'button', title, 'aria-label': title }, label);
        button.style.left = `${axis.at(from) * 100}%`;
        button.style.width = `${share * 100}%`;
        button.classList.toggle('current', view.current >= from && view.current < to);
        button.addEventListener('click', () => view.select(from));
        return button;
      }),
    );
    list.replaceChildren(
      ...segments.map(({ name, t, durationNs }) =>
        make(
          'tr',
          {},
          make('th', { scope: 'row' }, name),
          make('td', { class: 'number' }, showTime(t)),
          make('td', { class: 'number' }, showTime(durationNs)),
        ),
      ),
    );
  };
  redrawWhenNeeded(strip, draw);
  view.subscribe(draw);
  axis.subscribe(draw);
  draw();
}

/** Firmware, then the kernel's stages. Each ends where the next one begins. */
function segmentsOf({ stages, moments }: StoryView): Segment[] {
  const end = moments.at(-1)?.t ?? 0;
  const starts = [
    { name: 'F firmware', t: 0 },
    ...stages.map(({ number, name, t }) => ({ name: `${number} ${name}`, t })),
  ];
  return starts.map(({ name, t }, index) => {
    const first = moments.findIndex((moment) => moment.t >= t);
    return {
      name,
      t,
      from: first < 0 ? moments.length : first,
      durationNs: Math.max(0, (starts[index + 1]?.t ?? end) - t),
    };
  });
}
