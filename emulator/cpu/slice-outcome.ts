// SPDX-License-Identifier: GPL-2.0-only
/**
 * The reason why a core's slice ends. The code that ends the slice sets it; `run` reads it once the
 * slice is over. One instruction may give several reasons: the one that the machine must not miss
 * is kept.
 */

import type { CoreStop } from './machine-core.ts';

/** Priority of each reason; the highest is kept. */
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
  /** Null while only the instruction count ends the slice. */
  stop: CoreStop | null = null;

  /** Begins a slice. A locked-up core stays locked up. */
  begin(): void {
    if (this.stop?.kind !== 'lockup') this.stop = null;
  }

  /** Clears everything: for a cold reset, and before a state is restored. */
  reset(): void {
    this.stop = null;
  }

  /** Ends the slice for this reason, unless one of higher priority is set. */
  end(stop: CoreStop): void {
    if (this.stop === null || RANK[stop.kind] > RANK[this.stop.kind]) this.stop = stop;
  }
}
