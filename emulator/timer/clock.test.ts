// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Clock, PORT_ACCESS_TICKS } from './clock.ts';

const GIGAHERTZ = 1_000_000_000;
const frequency = fc.oneof(
  fc.constantFrom(GIGAHERTZ, 24_576_000, 62_500_000, 26_000_000, 1),
  fc.integer({ min: 1, max: 4_000_000_000 }),
);
const ticks = fc.oneof(fc.integer({ min: 0, max: 1e6 }), fc.maxSafeInteger().map(Math.abs));

/** A clock that stands at `ticks`. */
function clockAt(frequencyHz: number, at: number): Clock {
  const clock = new Clock(frequencyHz);
  clock.idleTicks = at;
  return clock;
}

describe('ticks', () => {
  it('are instructions, charged port accesses and idle time together', () => {
    const clock = new Clock(GIGAHERTZ);
    expect(clock.ticks).toBe(0);
    clock.instructions = 100;
    clock.portAccesses = 7;
    clock.idleTicks = 1000;
    expect(clock.ticks).toBe(100 + 7 * PORT_ACCESS_TICKS + 1000);
  });

  it('include the slice being executed, and keep it afterwards', () => {
    const clock = new Clock(GIGAHERTZ);
    let executed = 0;
    const seen: number[] = [];
    const result = clock.during(
      () => executed,
      () => {
        for (executed = 1; executed < 4; executed++) seen.push(clock.ticks);
        clock.portAccesses++;
        seen.push(clock.ticks);
        return 'done';
      },
    );
    expect(result).toBe('done');
    expect(seen).toEqual([1, 2, 3, 4 + PORT_ACCESS_TICKS]);
    expect([clock.instructions, clock.ticks]).toEqual([4, 4 + PORT_ACCESS_TICKS]);
    executed = 99;
    expect(clock.ticks).toBe(4 + PORT_ACCESS_TICKS);
  });

  it('keep what a slice executed before it threw', () => {
    const clock = new Clock(GIGAHERTZ);
    const slice = () => {
      throw new Error('gate');
    };
    expect(() => clock.during(() => 12, slice)).toThrow('gate');
    expect(clock.instructions).toBe(12);
  });

  it('of slices one after another add up', () => {
    const clock = new Clock(GIGAHERTZ);
    for (const count of [10, 20]) {
      clock.during(
        () => count,
        () => undefined,
      );
    }
    expect(clock.ticks).toBe(30);
  });
});

describe('nanoseconds', () => {
  it('are ticks at 1 GHz, every one of them', () => {
    const clock = new Clock(GIGAHERTZ);
    const wrong: number[] = [];
    for (let at = 0; at < 100_000; at++) {
      clock.idleTicks = at;
      if (clock.nowNs !== at || clock.ticksFor(at) !== at) wrong.push(at);
    }
    expect(wrong).toEqual([]);
  });

  it.each([
    [24_576_000, 24_576_000, 1e9],
    [24_576_000, 1, 40],
    [3, 1, 333_333_333],
    [3, 2, 666_666_666],
    [3, 3, 1e9],
  ])('at %i Hz after %i ticks are %i, rounded down', (frequencyHz, at, ns) => {
    expect(clockAt(frequencyHz, at).nowNs).toBe(ns);
  });

  it('never run backwards, and are the exact quotient rounded down', () => {
    fc.assert(
      fc.property(frequency, fc.integer({ min: 0, max: 2 ** 40 }), (frequencyHz, at) => {
        const exact = (BigInt(at) * 1_000_000_000n) / BigInt(frequencyHz);
        expect(clockAt(frequencyHz, at).nowNs).toBe(Number(exact));
        expect(clockAt(frequencyHz, at + 1).nowNs).toBeGreaterThanOrEqual(clockAt(frequencyHz, at).nowNs);
      }),
    );
  });

  it('become the least number of ticks that takes at least as long', () => {
    fc.assert(
      fc.property(frequency, fc.integer({ min: 0, max: 2 ** 44 }), (frequencyHz, ns) => {
        const count = BigInt(new Clock(frequencyHz).ticksFor(ns));
        const needed = BigInt(ns) * BigInt(frequencyHz);
        expect(count * 1_000_000_000n).toBeGreaterThanOrEqual(needed);
        if (ns > 0) expect((count - 1n) * 1_000_000_000n).toBeLessThan(needed);
      }),
    );
  });

  it('in a fraction count as a whole one, and without end there are ticks without end', () => {
    expect(new Clock(GIGAHERTZ).ticksFor(0.25)).toBe(1);
    expect(new Clock(GIGAHERTZ).ticksFor(Infinity)).toBe(Infinity);
  });
});

describe('a counter', () => {
  it('counts its own frequency from reset, rounded down', () => {
    fc.assert(
      fc.property(frequency, frequency, ticks, (frequencyHz, counterHz, at) => {
        expect(clockAt(frequencyHz, at).counter(counterHz)).toBe(
          (BigInt(at) * BigInt(counterHz)) / BigInt(frequencyHz),
        );
      }),
    );
  });

  it('reaches a count at the tick that says so, and not one tick earlier', () => {
    fc.assert(
      fc.property(frequency, frequency, fc.bigInt(1n, 2n ** 40n), (frequencyHz, counterHz, count) => {
        const at = new Clock(frequencyHz).ticksAtCount(count, counterHz);
        fc.pre(at <= Number.MAX_SAFE_INTEGER);
        expect(clockAt(frequencyHz, at).counter(counterHz)).toBeGreaterThanOrEqual(count);
        expect(clockAt(frequencyHz, at - 1).counter(counterHz)).toBeLessThan(count);
      }),
    );
  });
});
