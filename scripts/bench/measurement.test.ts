// SPDX-License-Identifier: GPL-2.0-only
/** The verdicts of a bench: medians, noise, and failures in a short run. */

import { describe, expect, it } from 'vitest';
import { judge, type Measurement, type Unit } from './measurement.ts';
import { inTurns, median, noise } from './statistics.ts';
import { tableLine } from './table.ts';

const measured = (samples: readonly number[], bar: number | null, unit: Unit = 'ns'): Measurement => ({
  section: 'demo',
  what: 'pair',
  unit,
  samples,
  bar,
  limit: [10, 20, 30],
});

describe('median and noise', () => {
  it.each([
    [[5], 5, 0],
    [[9, 1, 5], 5, 2],
    [[4, 1, 3, 2], 2.5, 0.75],
    [[10, 10, 10, 10, 1000], 10, 0],
  ])('of %j are %d and %d', (samples, middle, spread) => {
    expect(median(samples)).toBe(middle);
    expect(noise(samples)).toBe(spread);
  });

  it('of nothing do not exist', () => {
    expect(() => median([])).toThrow('no samples');
  });

  it('come from contenders that take turns, without the warm-up rounds', () => {
    const order: string[] = [];
    let round = 0;
    const samples = inTurns(2, 1, [() => order.push('a'), () => (order.push('b'), round++)]);
    expect(order.join('')).toBe('ababab');
    expect(samples).toEqual([
      [3, 5],
      [1, 2],
    ]);
  });
});

describe('a bar', () => {
  it.each([
    { samples: [60, 60, 60], verdict: 'OK' },
    { samples: [63, 63, 63], verdict: 'above' },
    { samples: [64, 64, 64], verdict: 'MISSED' },
    { samples: [50, 61, 80], verdict: 'above' },
  ])('of 60 against $samples in a full run is $verdict', ({ samples, verdict }) => {
    for (const unit of ['ns', 'us', 'ms', 'MIPS', 'MiB', 'x'] as const) {
      expect(judge(measured(samples, 60, unit), false).verdict).toBe(verdict);
    }
  });

  it.each([
    // Tolerance for a busy host's effect on a ratio or on memory.
    { units: ['x', 'MiB'], sample: 60, verdict: 'OK' },
    { units: ['x', 'MiB'], sample: 180, verdict: 'above' },
    { units: ['x', 'MiB'], sample: 181, verdict: 'MISSED' },
    // Absolute time is the host's.
    { units: ['ns', 'us', 'ms', 'MIPS'], sample: 60, verdict: 'OK' },
    { units: ['ns', 'us', 'ms', 'MIPS'], sample: 1e9, verdict: 'above' },
  ] as const)('of 60 $units against $sample in a short run is $verdict', ({ units, sample, verdict }) => {
    for (const unit of units) expect(judge(measured([sample], 60, unit), true).verdict).toBe(verdict);
  });

  it('may be absent', () => {
    expect(judge(measured([1e9], null), false)).toMatchObject({ verdict: 'no bar', limit: 20, ratio: 5e7 });
  });

  it('is no matter for a check, which fails in a short run too', () => {
    expect(judge({ section: 'demo', what: 'restored', holds: false }, true).verdict).toBe('MISSED');
    expect(judge({ section: 'demo', what: 'restored', holds: true }, true).verdict).toBe('OK');
  });
});

describe('a line of the table', () => {
  it('has the section, the numbers with their units, the ratio and the verdict', () => {
    const words = tableLine(judge(measured([40, 50, 60], 60), false)).split(/\s{2,}/);
    expect(words).toEqual(['demo: pair', '50 ns', '5 ns', '60 ns', '20 ns', '2.5', 'OK']);
  });
});
