// SPDX-License-Identifier: GPL-2.0-only
/** Order statistics of samples: one slow sample on a busy host does not move them. */

/**
 * Middle value, the mean of the two middle ones for an even number.
 * @throws RangeError without samples
 */
export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5);
}

/**
 * Half the distance between the quartiles: how far a median may be off by chance. 0 for one sample.
 * @throws RangeError without samples
 */
export function noise(samples: readonly number[]): number {
  return (quantile(samples, 0.75) - quantile(samples, 0.25)) / 2;
}

/**
 * Linear interpolation between the samples around rank `fraction * (n - 1)`. O(n log n).
 * @throws RangeError without samples
 */
function quantile(samples: readonly number[], fraction: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const rank = fraction * (sorted.length - 1);
  const low = sorted[Math.floor(rank)];
  const high = sorted[Math.ceil(rank)];
  if (low === undefined || high === undefined) throw new RangeError('no samples');
  return low + (high - low) * (rank - Math.floor(rank));
}

/**
 * Samples of several contenders, taken in turns so that a slow moment of the host hits all of them.
 * `warmUp` rounds are thrown away. Result i holds what `contenders[i]` returned.
 */
export function inTurns<T>(rounds: number, warmUp: number, contenders: readonly (() => T)[]): T[][] {
  const samples = contenders.map((): T[] => []);
  for (let round = -warmUp; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const sample = contender();
      if (round >= 0) samples[index]?.push(sample);
    }
  }
  return samples;
}
