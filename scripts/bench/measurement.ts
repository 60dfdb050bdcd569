// SPDX-License-Identifier: GPL-2.0-only
/**
 * Results of a bench: measurements with their bars, and checks, which hold or do not.
 *
 * Bars are judged on medians. In a full run a bar is missed when the median is above it by more
 * than the noise: half the distance between the quartiles of the samples, but at least 5 % of the
 * median, because the quartiles know nothing of the differences between processes: the same code on
 * the same machine was seen to take from 50.6 to 55.8 ns. A short run is for busy machines, where
 * absolute time is unreliable. There, a bar in a unit of time is never missed. A bar on a ratio
 * within the run, or on memory, is missed when the median is above three times its value. Between a
 * bar and a miss the line says "above".
 */

import { median, noise } from './statistics.ts';

export type Unit = 'ms' | 'us' | 'ns' | 'MiB' | 'MIPS' | 'x';

/** Samples of one quantity. */
export interface Measurement {
  readonly section: string;
  readonly what: string;
  readonly unit: Unit;
  readonly samples: readonly number[];
  /** Bar: the median must not be above it; null for none. */
  readonly bar: number | null;
  /**
   * The same work without the machine, measured in the same run, in the same unit; null if there is
   * no such work.
   */
  readonly limit: readonly number[] | null;
}

/** A condition that must hold on every machine, however slow. */
export interface Check {
  readonly section: string;
  readonly what: string;
  readonly holds: boolean;
}

/** Units whose values depend on the host's other work. */
const ABSOLUTE_TIME: ReadonlySet<Unit> = new Set(['ms', 'us', 'ns', 'MIPS']);

/** `above`: over the bar, but not by so much that the run fails. */
export type Verdict = 'OK' | 'above' | 'MISSED' | 'no bar';

/** One line of the table with its verdict; the file of --json has the same shape. */
export interface Line {
  readonly section: string;
  readonly what: string;
  readonly unit: Unit | null;
  readonly samples: readonly number[];
  readonly median: number | null;
  readonly noise: number | null;
  readonly bar: number | null;
  readonly limit: number | null;
  /** Median over limit. */
  readonly ratio: number | null;
  readonly verdict: Verdict;
}

const SHORT_TOLERANCE = 3;
const LEAST_NOISE = 0.05;

export function judge(result: Measurement | Check, short: boolean): Line {
  if ('holds' in result) {
    const { section, what, holds } = result;
    const none = { unit: null, samples: [], median: null, noise: null, bar: null, limit: null, ratio: null };
    return { section, what, ...none, verdict: holds ? 'OK' : 'MISSED' };
  }
  const { section, what, unit, samples, bar } = result;
  const middle = median(samples);
  const spread = noise(samples);
  const limit = result.limit === null ? null : median(result.limit);
  return {
    section,
    what,
    unit,
    samples,
    median: middle,
    noise: spread,
    bar,
    limit,
    ratio: limit === null ? null : middle / limit,
    verdict: verdictOf(
      middle,
      bar,
      short
        ? { factor: ABSOLUTE_TIME.has(unit) ? Infinity : SHORT_TOLERANCE, spread: 0 }
        : { factor: 1, spread: Math.max(spread, LEAST_NOISE * middle) },
    ),
  };
}

function verdictOf(
  middle: number,
  bar: number | null,
  { factor, spread }: { readonly factor: number; readonly spread: number },
): Verdict {
  if (bar === null) return 'no bar';
  if (middle <= bar) return 'OK';
  return middle <= bar * factor + spread ? 'above' : 'MISSED';
}
