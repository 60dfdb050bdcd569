// SPDX-License-Identifier: GPL-2.0-only
/**
 * The end of the slice that a core runs. Whoever ends it says why here, `run` reads it once the
 * slice is over. Several reasons may come together within one instruction: the one that the machine
 * must not miss is kept.
 */

import type { CoreStop } from './machine-core.ts';

/** The higher one is kept. */
const RANK: Readonly<Record<CoreStop['kind'], number>> = {
  count: 0,
  wfi: 1,
  wfe: 1,
  yield: 1,
  recurring: 2,
  stopped: 3,
  gate: 4,
  lockup: 5,
};

export class SliceOutcome {
  /** Null: nothing has ended the slice before its instructions were used up. */
  stop: CoreStop | null = null;

  /** A slice begins. A core that is locked up stays so. */
  begin(): void {
    if (this.stop?.kind !== 'lockup') this.stop = null;
  }

  /** Cold reset, and another state. */
  reset(): void {
    this.stop = null;
  }

  /** The slice ends like this, unless something of more weight ends it. */
  end(stop: CoreStop): void {
    if (this.stop === null || RANK[stop.kind] > RANK[this.stop.kind]) this.stop = stop;
  }
}
