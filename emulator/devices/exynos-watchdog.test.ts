// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { TimedContext } from './testing/test-clock.ts';
import { ExynosWatchdog } from './exynos-watchdog.ts';

const [WTCON, WTDAT, WTCNT, WTCLRINT] = [0, 4, 8, 0xc] as const;
/** One count is 128 cycles of this clock, with the divider at 128 and no prescaler: 1 ms. */
const FREQUENCY = 128_000;
const MS = 1e6;
const [RESET, INTERRUPT, ENABLE, DIV128] = [1, 4, 0x20, 0x18] as const;

const make = () => {
  const context = new TimedContext();
  let bites = 0;
  const onBite = () => bites++;
  const watchdog = new ExynosWatchdog({ name: 'wdt', context, timers: context, frequencyHz: FREQUENCY, onBite });
  return { context, watchdog, bites: () => bites };
};

describe('ExynosWatchdog', () => {
  it('is off at reset and never bites', () => {
    const { watchdog, context, bites } = make();
    context.advance(3600e9);
    expect([watchdog.read(WTCON, 4), watchdog.read(WTCNT, 4), bites()]).toEqual([0, 0x8000, 0]);
  });

  it('bites when nobody feeds it, and not a count earlier', () => {
    const { watchdog, context, bites } = make();
    watchdog.write(WTDAT, 4, 100);
    watchdog.write(WTCNT, 4, 100);
    watchdog.write(WTCON, 4, RESET | ENABLE | DIV128);
    context.advance(40 * MS);
    expect(watchdog.read(WTCNT, 4)).toBe(60);
    context.advance(60 * MS - 1);
    expect(bites()).toBe(0);
    context.advance(1);
    expect(bites()).toBe(1);
  });

  it('is fed by writing the counter', () => {
    const { watchdog, context, bites } = make();
    watchdog.write(WTCON, 4, RESET | ENABLE | DIV128);
    for (let i = 0; i < 10; i++) {
      watchdog.write(WTCNT, 4, 100);
      context.advance(99 * MS);
    }
    expect(bites()).toBe(0);
    watchdog.write(WTCON, 4, 0);
    context.advance(3600e9);
    expect([bites(), watchdog.read(WTCNT, 4), context.pendingTimers]).toEqual([0, 1, 0]);
  });

  it('interrupts instead, again and again, when told so', () => {
    const { watchdog, context, bites } = make();
    watchdog.write(WTDAT, 4, 10);
    watchdog.write(WTCNT, 4, 5);
    watchdog.write(WTCON, 4, INTERRUPT | ENABLE | DIV128);
    context.advance(5 * MS);
    expect(context.irq).toBe(true);
    watchdog.write(WTCLRINT, 4, 0);
    context.advance(10 * MS - 1);
    expect(context.irq).toBe(false);
    context.advance(1);
    expect([context.irq, bites()]).toEqual([true, 0]);
  });

  it('divides by the prescaler too, and a counter at 0 goes all the way round', () => {
    const { watchdog, context, bites } = make();
    watchdog.write(WTCNT, 4, 0);
    watchdog.write(WTCON, 4, (9 << 8) | RESET | ENABLE | DIV128);
    context.advance(65_536 * 10 * MS - 1);
    expect(bites()).toBe(0);
    context.advance(1);
    expect(bites()).toBe(1);
  });

  it('reset turns it off', () => {
    const { watchdog, context, bites } = make();
    watchdog.write(WTCNT, 4, 1);
    watchdog.write(WTCON, 4, RESET | INTERRUPT | ENABLE);
    context.advance(1 * MS);
    const before = bites();
    expect(before).toBe(1);
    watchdog.reset();
    context.advance(3600e9);
    expect([bites(), context.irq, watchdog.read(WTDAT, 4)]).toEqual([before, false, 0x8000]);
  });
});
