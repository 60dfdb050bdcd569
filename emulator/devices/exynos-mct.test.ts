// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { TimedContext } from './testing/test-clock.ts';
import { ExynosMct, GS101_MCT_HZ, MCT_LINES } from './exynos-mct.ts';

const [CNT_L, CNT_U, CNT_WSTAT] = [0x100, 0x104, 0x110] as const;
const [COMP0_L, COMP0_U, COMP0_ADD] = [0x200, 0x204, 0x208] as const;
const [G_TCON, G_CSTAT, G_ENB, G_WSTAT] = [0x240, 0x244, 0x248, 0x24c] as const;
const [TCNTB, ICNTB, TCON, CSTAT, ENB, WSTAT] = [0x00, 0x08, 0x20, 0x30, 0x34, 0x40] as const;
const SECOND = 1e9;
/** Nanoseconds in which the clock makes `cycles`, rounded up. */
const ns = (cycles: number) => Math.ceil((cycles / GS101_MCT_HZ) * SECOND);

const make = () => {
  const context = new TimedContext();
  const lines = Array.from({ length: MCT_LINES }, () => false);
  const setLine = (line: number, level: boolean) => {
    lines[line] = level;
  };
  const mct = new ExynosMct({ name: 'mct', context, timers: context, frequencyHz: GS101_MCT_HZ, setLine });
  return { context, lines, mct };
};

/**
 * Writes as Linux does: waits for the write-status bit, and clears it. Fails where Linux would
 * panic.
 */
const writeAndWait = (mct: ExynosMct, offset: number, value: number) => {
  const local = offset >= 0x300;
  const statusAt = local ? offset - (offset % 0x100) + WSTAT : offset < 0x200 ? CNT_WSTAT : G_WSTAT;
  const bits: Record<number, number> = local
    ? { [TCNTB]: 1, [ICNTB]: 2, [TCON]: 8 }
    : { [CNT_L]: 1, [CNT_U]: 2, [COMP0_L]: 1, [COMP0_U]: 2, [COMP0_ADD]: 4, [G_TCON]: 0x1_0000 };
  const bit = bits[local ? offset % 0x100 : offset] ?? 0;
  expect(bit).toBeGreaterThan(0);
  mct.write(offset, 4, value);
  expect(mct.read(statusAt, 4) & bit, `MCT hangs after writing at ${offset.toString(16)}`).toBe(bit);
  mct.write(statusAt, 4, bit);
  expect(mct.read(statusAt, 4) & bit).toBe(0);
};
const counter = (mct: ExynosMct) => mct.read(CNT_U, 4) * 2 ** 32 + mct.read(CNT_L, 4);

describe('ExynosMct, counter', () => {
  it('counts 24.576 MHz of simulated time from reset', () => {
    const { mct, context } = make();
    expect(counter(mct)).toBe(0);
    context.advance(SECOND);
    expect(counter(mct)).toBe(24_576_000);
    context.advance(999 * SECOND);
    expect(counter(mct)).toBe(24_576_000_000);
  });

  it('goes on from what is written, also across 2^64', () => {
    const { mct, context } = make();
    writeAndWait(mct, CNT_L, 0xffff_ffff);
    writeAndWait(mct, CNT_U, 0xffff_ffff);
    context.advance(ns(5));
    expect(counter(mct)).toBe(4);
  });

  it('stands while it is stopped', () => {
    const { mct, context } = make();
    context.advance(ns(100));
    writeAndWait(mct, G_TCON, 0);
    context.advance(SECOND);
    expect(counter(mct)).toBe(100);
    writeAndWait(mct, G_TCON, 0x100);
    context.advance(ns(10));
    expect([counter(mct), mct.read(G_TCON, 4)]).toEqual([110, 0x100]);
  });
});

describe('ExynosMct, comparators', () => {
  const program = (mct: ExynosMct, cycles: number, control = 0x101) => {
    const target = counter(mct) + cycles;
    writeAndWait(mct, COMP0_L, target % 2 ** 32);
    writeAndWait(mct, COMP0_U, Math.floor(target / 2 ** 32));
    mct.write(G_ENB, 4, 1);
    writeAndWait(mct, G_TCON, control);
  };

  it('raises line 0 at the programmed count, until it is acknowledged', () => {
    const { mct, context, lines } = make();
    context.advance(ns(1000));
    program(mct, 500);
    context.advance(ns(499));
    expect(lines[0]).toBe(false);
    context.advance(ns(2));
    expect([lines[0], mct.read(G_CSTAT, 4), context.pendingTimers]).toEqual([true, 1, 0]);
    mct.write(G_CSTAT, 4, 1);
    expect(lines.some(Boolean)).toBe(false);
  });

  it('repeats by the increment', () => {
    const { mct, context, lines } = make();
    writeAndWait(mct, COMP0_ADD, 1000);
    program(mct, 1000, 0x103);
    const seen: number[] = [];
    for (let at = 0; at < 5000; at += 50) {
      context.advance(ns(50));
      if (lines[0] === true) {
        seen.push(Math.floor(counter(mct) / 1000));
        mct.write(G_CSTAT, 4, 1);
      }
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('takes several missed matches as one, and stays on the grid', () => {
    const { mct, context, lines } = make();
    writeAndWait(mct, COMP0_ADD, 100);
    writeAndWait(mct, COMP0_L, 50);
    context.advance(ns(1020));
    mct.write(G_ENB, 4, 1);
    writeAndWait(mct, G_TCON, 0x103);
    expect([lines[0], mct.read(COMP0_L, 4)]).toEqual([true, 1050]);
  });

  it('does not take a half-written comparator for a deadline that has passed', () => {
    const { mct, context, lines } = make();
    writeAndWait(mct, CNT_U, 1);
    program(mct, 10_000);
    context.advance(ns(100));
    writeAndWait(mct, COMP0_L, 5); // with the old high half, in the past
    expect(lines[0]).toBe(false);
    writeAndWait(mct, COMP0_U, 2);
    context.advance(ns(20_000));
    expect(lines[0]).toBe(false);
  });

  it('matches at once when it is switched on too late', () => {
    const { mct, context, lines } = make();
    writeAndWait(mct, COMP0_L, 10);
    context.advance(ns(20));
    mct.write(G_ENB, 4, 1);
    writeAndWait(mct, G_TCON, 0x101);
    expect(lines[0]).toBe(true);
  });

  it('keeps a masked match, and stops when it is switched off', () => {
    const { mct, context, lines } = make();
    program(mct, 10);
    mct.write(G_ENB, 4, 0);
    context.advance(ns(20));
    expect([lines[0], mct.read(G_CSTAT, 4)]).toEqual([false, 1]);
    mct.write(G_ENB, 4, 1);
    expect(lines[0]).toBe(true);
    mct.write(G_CSTAT, 4, 1);
    program(mct, 10);
    writeAndWait(mct, G_TCON, 0x100);
    context.advance(ns(20));
    expect([lines[0], context.pendingTimers]).toEqual([false, 0]);
  });
});

describe.each([0, 4, 7])('ExynosMct, local timer %d', (n) => {
  const base = 0x300 + 0x100 * n;
  const start = (mct: ExynosMct, ticks: number, control = 7) => {
    writeAndWait(mct, base + TCNTB, 1);
    writeAndWait(mct, base + ICNTB, 2 ** 31 + ticks - 1);
    mct.write(base + ENB, 4, 1);
    writeAndWait(mct, base + TCON, control);
  };

  it('interrupts on its own line every (TCNTB + 1)(ICNTB + 1) cycles', () => {
    const { mct, context, lines } = make();
    start(mct, 100);
    const seen: number[] = [];
    for (let at = 0; at < 1000; at += 10) {
      context.advance(ns(10));
      if (lines[4 + n] === true) {
        seen.push(Math.floor(counter(mct) / 200));
        mct.write(base + CSTAT, 4, 1);
      }
    }
    expect(seen).toEqual([1, 2, 3, 4, 5]);
    expect(lines.filter(Boolean)).toEqual([]);
  });

  it('interrupts once without interval mode', () => {
    const { mct, context, lines } = make();
    start(mct, 10, 3);
    context.advance(ns(25));
    expect([lines[4 + n], mct.read(base + TCON, 4), context.pendingTimers]).toEqual([true, 1, 0]);
  });

  it('stops when told to, and counts down meanwhile', () => {
    const { mct, context, lines } = make();
    start(mct, 100);
    context.advance(ns(60));
    expect(mct.read(base + 0x0c, 4)).toBe(69);
    writeAndWait(mct, base + TCON, 4);
    context.advance(ns(1000));
    expect([lines[4 + n], mct.read(base + 0x0c, 4), context.pendingTimers]).toEqual([false, 0, 0]);
  });
});

describe('ExynosMct', () => {
  it('reset stops everything but the counter', () => {
    const { mct, context, lines } = make();
    writeAndWait(mct, 0x300 + ICNTB, 2 ** 31);
    mct.write(0x300 + ENB, 4, 1);
    writeAndWait(mct, 0x300 + TCON, 3);
    context.advance(ns(5));
    expect(lines[4]).toBe(true);
    mct.reset();
    context.advance(ns(5));
    expect([lines[4], mct.read(G_TCON, 4), context.pendingTimers]).toEqual([false, 0x100, 0]);
    expect(counter(mct)).toBeGreaterThanOrEqual(10);
  });

  it('accepts the longest times without losing the order of things', () => {
    const { mct, context, lines } = make();
    writeAndWait(mct, COMP0_U, 0xffff_ffff);
    writeAndWait(mct, 0x300 + TCNTB, 0xffff_ffff);
    writeAndWait(mct, 0x300 + ICNTB, 0xffff_ffff);
    writeAndWait(mct, 0x300 + TCON, 7);
    writeAndWait(mct, G_TCON, 0x101);
    context.advance(1000 * SECOND);
    expect(lines.some(Boolean)).toBe(false);
  });

  it('reports unknown registers and narrow accesses', () => {
    const { mct, context } = make();
    mct.read(0x20c, 4);
    mct.write(0x310, 4, 1);
    mct.read(CNT_L, 2);
    expect(context.events.map(({ kind, offset }) => [kind, offset])).toEqual([
      ['mmio-unknown', '0x20c'],
      ['mmio-unknown', '0x310'],
      ['mmio-unknown', '0x100'],
    ]);
  });
});
