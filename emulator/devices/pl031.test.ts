// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { TimedContext } from './testing/test-clock.ts';
import { Pl031 } from './pl031.ts';

const [DR, MR, LR, CR, IMSC, RIS, MIS, ICR] = [0, 4, 8, 0xc, 0x10, 0x14, 0x18, 0x1c] as const;
const SECOND = 1e9;

const make = (epochSeconds = 1_700_000_000) => {
  const context = new TimedContext();
  return { context, rtc: new Pl031({ name: 'rtc@9010000', context, timers: context, epochSeconds }) };
};

describe('Pl031', () => {
  it('has the identification and the reset values that QEMU 7.2 shows', () => {
    const { rtc } = make();
    const id = Array.from({ length: 8 }, (_, i) => rtc.read(0xfe0 + 4 * i, 4));
    expect(id).toEqual([0x31, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
    expect([MR, LR, CR, IMSC, RIS, MIS, ICR].map((offset) => rtc.read(offset, 4))).toEqual([0, 0, 1, 0, 0, 0, 0]);
  });

  it('counts simulated seconds from the epoch', () => {
    const { rtc, context } = make();
    expect(rtc.read(DR, 4)).toBe(1_700_000_000);
    context.advance(2.5 * SECOND);
    expect(rtc.read(DR, 4)).toBe(1_700_000_002);
  });

  it('goes on from what is loaded, and wraps after 2^32 - 1', () => {
    const { rtc, context } = make();
    context.advance(10.4 * SECOND);
    rtc.write(LR, 4, 0xffff_ffff);
    expect([rtc.read(DR, 4), rtc.read(LR, 4)]).toEqual([0xffff_ffff, 0xffff_ffff]);
    context.advance(SECOND);
    expect(rtc.read(DR, 4)).toBe(0);
  });

  it('raises its line when the second of the match begins, until it is cleared', () => {
    const { rtc, context } = make(100);
    context.advance(0.25 * SECOND);
    rtc.write(IMSC, 4, 1);
    rtc.write(MR, 4, 103);
    context.advance(2.75 * SECOND - 1);
    expect([context.irq, rtc.read(RIS, 4)]).toEqual([false, 0]);
    context.advance(1);
    expect([context.irq, rtc.read(RIS, 4), rtc.read(MIS, 4), rtc.read(DR, 4)]).toEqual([true, 1, 1, 103]);
    rtc.write(ICR, 4, 1);
    expect([context.irq, rtc.read(RIS, 4)]).toEqual([false, 0]);
  });

  it('keeps a masked alarm in RIS, and shows it when unmasked', () => {
    const { rtc, context } = make(100);
    rtc.write(MR, 4, 101);
    context.advance(SECOND);
    expect([context.irq, rtc.read(RIS, 4), rtc.read(MIS, 4)]).toEqual([false, 1, 0]);
    rtc.write(IMSC, 4, 1);
    expect(context.irq).toBe(true);
  });

  it('matches at once when the second is the current one, and replaces a waiting alarm', () => {
    const { rtc, context } = make(100);
    rtc.write(MR, 4, 105);
    rtc.write(MR, 4, 100);
    expect([rtc.read(RIS, 4), context.pendingTimers]).toEqual([1, 0]);
  });

  it('reset restores the registers and the epoch, and forgets the alarm', () => {
    const { rtc, context } = make(100);
    rtc.write(LR, 4, 5);
    rtc.write(IMSC, 4, 1);
    rtc.write(MR, 4, 6);
    rtc.reset();
    context.advance(3 * SECOND);
    expect([rtc.read(DR, 4), rtc.read(MR, 4), rtc.read(IMSC, 4), context.irq]).toEqual([103, 0, 0, false]);
  });

  it('reports an unknown register once', () => {
    const { rtc, context } = make();
    rtc.read(0x40, 4);
    rtc.write(0x40, 4, 1);
    expect(context.events.map(({ kind, offset }) => [kind, offset])).toEqual([['mmio-unknown', '0x40']]);
  });

  it.each([-1, 2 ** 32, 0.5, NaN])('refuses the epoch %d', (epoch) => {
    expect(() => make(epoch)).toThrow(RangeError);
  });
});
