// SPDX-License-Identifier: GPL-2.0-only
/** The slider over the run, and the description of its moment. */

import { showTime } from '#common/quantities.ts';
import { byId, byIdAs } from './dom.ts';
import type { AxisKind, MomentAxis } from './moment-axis.ts';
import type { StoryView } from './story-view.ts';

export function showMomentBar(view: StoryView, axis: MomentAxis): void {
  const slider = byIdAs('moment', HTMLInputElement);
  const text = byId('moment-text');
  const update = (): void => {
    const { moment, moments, current } = view;
    slider.max = String(Math.max(0, moments.length - 1));
    slider.value = String(Math.max(0, current));
    const place = `${current + 1} of ${moments.length}`;
    text.textContent =
      moment === null
        ? 'nothing has happened yet'
        : `${showTime(moment.t)} · ${place} · ${moment.text.trim() === '' ? 'an empty line' : moment.text}`;
    slider.setAttribute('aria-valuetext', text.textContent);
  };
  slider.addEventListener('input', () => view.select(Number(slider.value)));
  byId('moment-before').addEventListener('click', () => view.select(view.current - 1));
  byId('moment-after').addEventListener('click', () => view.select(view.current + 1));
  byIdAs('axis', HTMLSelectElement).addEventListener('change', (event) => {
    axis.setKind((event.target as HTMLSelectElement).value as AxisKind);
  });
  view.subscribe(update);
  update();
}
