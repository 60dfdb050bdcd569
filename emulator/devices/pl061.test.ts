// SPDX-License-Identifier: GPL-2.0-only
import { describe, expect, it } from 'vitest';
import { TimedContext } from './testing/test-clock.ts';
import { Pl061 } from './pl061.ts';

const [DIR, IS, IBE, IEV, IE, RIS, MIS, IC, AFSEL] = [
  0x400, 0x404, 0x408, 0x40c, 0x410, 0x414, 0x418, 0x41c, 0x420,
] as const;
const ALL_PINS = 0x3fc;
const PIN3 = 1 << 3;

const make = () => {
  const context = new TimedContext();
  return { context, gpio: new Pl061({ name: 'gpio@9030000', context, timers: context }) };
};

describe('Pl061', () => {
  it('has the identification, the reset values and the register widths that QEMU 7.2 shows', () => {
    const { gpio } = make();
    const id = Array.from({ length: 8 }, (_, i) => gpio.read(0xfe0 + 4 * i, 4));
    expect(id).toEqual([0x61, 0x10, 0x04, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
    const registers = [ALL_PINS, DIR, IS, IBE, IEV, IE, RIS, MIS, IC, AFSEL];
    expect(registers.map((offset) => gpio.read(offset, 4))).toEqual(registers.map(() => 0));
    for (const offset of [DIR, IS, IBE, IEV, IE, AFSEL]) {
      gpio.write(offset, 4, 0x1ff);
      expect(gpio.read(offset, 4)).toBe(0xff);
    }
  });

  it('reads and writes the pins that the address names', () => {
    const { gpio } = make();
    gpio.write(DIR, 4, 0x0f);
    gpio.write(ALL_PINS, 4, 0xff);
    expect(gpio.read(ALL_PINS, 4)).toBe(0x0f); // the upper four are inputs
    gpio.write(0b0101 << 2, 4, 0);
    expect(gpio.read(ALL_PINS, 4)).toBe(0b1010);
    expect(gpio.read(0b0011 << 2, 4)).toBe(0b0010);
    gpio.setPin(7, true);
    gpio.setPin(0, true); // an output: the outside does not win
    expect(gpio.read(ALL_PINS, 4)).toBe(0b1000_1010);
  });

  it('interrupts on both edges of the power key, as Linux programs it, and lets go after 100 ms', () => {
    const { gpio, context } = make();
    gpio.write(IBE, 4, PIN3);
    gpio.write(IE, 4, PIN3);
    gpio.pressPowerKey();
    expect([context.irq, gpio.read(PIN3 << 2, 4), gpio.read(MIS, 4), gpio.powerKeyPressed]).toEqual([
      true,
      PIN3,
      PIN3,
      true,
    ]);
    gpio.write(IC, 4, PIN3);
    expect(context.irq).toBe(false);
    context.advance(100e6 - 1);
    expect(context.irq).toBe(false);
    context.advance(1);
    expect([context.irq, gpio.read(PIN3 << 2, 4), gpio.powerKeyPressed]).toEqual([true, 0, false]);
  });

  it('a second press lengthens the first', () => {
    const { gpio, context } = make();
    gpio.pressPowerKey();
    context.advance(60e6);
    gpio.pressPowerKey();
    context.advance(60e6);
    expect(gpio.powerKeyPressed).toBe(true);
    context.advance(40e6);
    expect([gpio.powerKeyPressed, context.pendingTimers]).toEqual([false, 0]);
  });

  it.each([
    ['rising', PIN3, [true, false]],
    ['falling', 0, [false, true]],
  ])('a %s edge is noted when IEV says so', (_name, iev, expected) => {
    const { gpio } = make();
    gpio.write(IEV, 4, iev);
    const seen = [true, false].map((high) => {
      gpio.write(IC, 4, 0xff);
      gpio.setPin(3, high);
      return gpio.read(RIS, 4) === PIN3;
    });
    expect(seen).toEqual(expected);
  });

  it('follows a level, and clearing does not help against it', () => {
    const { gpio, context } = make();
    gpio.write(IS, 4, PIN3);
    gpio.write(IEV, 4, PIN3);
    gpio.write(IE, 4, PIN3);
    gpio.setPin(3, true);
    gpio.write(IC, 4, PIN3);
    expect(context.irq).toBe(true);
    gpio.setPin(3, false);
    expect(context.irq).toBe(false);
  });

  it('keeps a masked edge', () => {
    const { gpio, context } = make();
    gpio.write(IBE, 4, PIN3);
    gpio.setPin(3, true);
    expect([context.irq, gpio.read(RIS, 4), gpio.read(MIS, 4)]).toEqual([false, PIN3, 0]);
  });

  it('reset clears the registers and lets the key go', () => {
    const { gpio, context } = make();
    gpio.write(IBE, 4, PIN3);
    gpio.write(IE, 4, PIN3);
    gpio.pressPowerKey();
    gpio.reset();
    expect([context.irq, gpio.read(IE, 4), gpio.powerKeyPressed, context.pendingTimers]).toEqual([false, 0, false, 0]);
  });

  it.each([-1, 8, 1.5])('has no pin %d', (pin) => {
    expect(() => make().gpio.setPin(pin, true)).toThrow(RangeError);
  });
});
