// SPDX-License-Identifier: GPL-2.0-only
/**
 * The horizontal place of a moment, the same in every chart of the page, so that charts can be
 * compared. Either each moment takes the same room (a boot prints most of its lines in a hundredth
 * of its time), or simulated time does.
 */

import type { StoryView } from './story-view.ts';

export type AxisKind = 'lines' | 'time';

export class MomentAxis {
  kind: AxisKind = 'lines';
  private readonly view: StoryView;
  private readonly listeners: (() => void)[] = [];

  constructor(view: StoryView) {
    this.view = view;
  }

  setKind(kind: AxisKind): void {
    this.kind = kind;
    for (const listener of this.listeners) listener();
  }

  subscribe(listener: () => void): void {
    this.listeners.push(listener);
  }

  /** Left edge of moment `index`, 0 to 1; its right edge is the next one's left. */
  at(index: number): number {
    const { moments } = this.view;
    if (this.kind === 'lines') return index / Math.max(1, moments.length);
    const end = Math.max(1, moments.at(-1)?.t ?? 1);
    return index >= moments.length ? 1 : (moments[index]?.t ?? 0) / end;
  }

  /** Moment at `share` of the width. */
  momentAt(share: number): number {
    const { length } = this.view.moments;
    let low = 0;
    let high = Math.max(0, length - 1);
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.at(middle) <= share) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
