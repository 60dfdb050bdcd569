// SPDX-License-Identifier: GPL-2.0-only
/** The interface of the bench's parts: the amount of work, and the place for results. */

import type { Check, Measurement } from './measurement.ts';

export interface BenchRun {
  /** For busy machines: fewer samples, the same work. */
  readonly short: boolean;
  readonly report: (result: Measurement | Check) => void;
}

/** One part of the bench, with the name by which it is asked for. */
export interface Section {
  readonly name: string;
  /** True when a short run leaves it out unless it is asked for by name: it takes minutes. */
  readonly long?: true;
  readonly run: (run: BenchRun) => void | Promise<void>;
}
