// SPDX-License-Identifier: GPL-2.0-only
/**
 * The meaning of each colour and its amount of memory at the moment. A class that is pressed is
 * highlighted on the map.
 */

import { PAGE_SIZE } from '#common/address.ts';
import { showBytes } from '#common/quantities.ts';
import { MAX_ORDER } from '#workbench/report/memory-state.ts';
import { OWNER_CLASSES, type OwnerClass } from '#workbench/report/page-data.ts';
import { byId, make, redrawWhenNeeded } from './dom.ts';
import type { MemoryMap } from './memory-map.ts';
import { CLASS_PAINTS, classLabel, orderColour, readTheme } from './palette.ts';
import type { StoryView } from './story-view.ts';

export function showLegend(view: StoryView, map: MemoryMap): void {
  const list = byId('legend');
  let pressed: OwnerClass | null = null;
  const entries = OWNER_CLASSES.map((ownerClass) => {
    const amount = make('span', { class: 'amount' });
    const swatch = make('span', { class: 'swatch' });
    const name = make('span');
    const button = make('button', { type: 'button', 'aria-pressed': 'false' }, swatch, name, amount);
    const item = make('li', {}, button);
    button.addEventListener('click', () => {
      pressed = pressed === ownerClass ? null : ownerClass;
      for (const other of list.querySelectorAll('button')) other.setAttribute('aria-pressed', 'false');
      button.setAttribute('aria-pressed', String(pressed === ownerClass));
      map.emphasise(pressed);
    });
    list.append(item);
    return { ownerClass, item, amount, swatch, name };
  });
  const update = (): void => {
    const theme = readTheme();
    const usage = view.usage[view.current];
    // A class that never had memory is left out.
    for (const { ownerClass, item, amount, swatch, name } of entries) {
      name.textContent = classLabel(ownerClass);
      swatch.style.background = theme.classes[ownerClass];
      swatch.classList.toggle('hatched', CLASS_PAINTS[ownerClass].hatched === true);
      item.hidden = !view.usage.some((moment) => moment[ownerClass] > 0);
      amount.textContent = showBytes((usage?.[ownerClass] ?? 0) * PAGE_SIZE);
    }
  };
  view.subscribe(update);
  redrawWhenNeeded(list, update);
  update();
  const ramp = byId('order-ramp');
  for (let order = 0; order <= MAX_ORDER; order++) {
    const step = make('span', { title: `order ${order}` });
    step.style.background = orderColour(order);
    ramp.append(step);
  }
}
