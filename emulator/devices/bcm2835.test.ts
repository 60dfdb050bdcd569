// SPDX-License-Identifier: GPL-2.0-only
/** Blocks of Broadcom's chips: mailbox, power management, clocks, system timer. */

import { describe, expect, it } from 'vitest';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { Bcm2711Cprman } from './bcm2711-cprman.ts';
import { Bcm2835Mailbox } from './bcm2835-mailbox.ts';
import { Bcm2835Pm } from './bcm2835-pm.ts';
import { Bcm2835SystemTimer } from './bcm2835-system-timer.ts';
import { TimedContext } from './testing/test-clock.ts';
import { RecordingContext } from './testing/test-context.ts';

const PASSWORD = 0x5a00_0000;

describe('Bcm2835Mailbox', () => {
  const [MAIL0_RD, MAIL0_STA, MAIL0_CNF, MAIL1_WRT, MAIL1_STA] = [0x00, 0x18, 0x1c, 0x20, 0x38] as const;
  const EMPTY = 0x4000_0000;
  const FULL = 0x8000_0000;
  const BUFFER = 0x1000;
  const PROPERTY = 8;

  const make = () => {
    const context = new RecordingContext();
    const memory = new PhysicalMemory([{ base: 0, size: 0x10_0000 }]);
    const mailbox = new Bcm2835Mailbox({ name: 'mailbox', context, memory });
    const put = (words: readonly number[], at = BUFFER) => {
      for (const [i, word] of words.entries()) memory.write32(at + 4 * i, word);
    };
    const words = (count: number, at = BUFFER) => Array.from({ length: count }, (_, i) => memory.read32(at + 4 * i));
    return { context, memory, mailbox, put, words };
  };

  it.each<[string, readonly number[], readonly number[]]>([
    ['a clock rate', [32, 0, 0x3_0002, 8, 4, 2, 0, 0], [32, 0x8000_0000, 0x3_0002, 8, 0x8000_0008, 2, 48_000_000, 0]],
    [
      'two tags, of which one is unknown',
      [40, 0, 0x6_6666, 4, 0, 7, 0x3_0046, 4, 0, 99, 0],
      [40, 0x8000_0000, 0x6_6666, 4, 0, 7, 0x3_0046, 4, 0x8000_0004, 0, 0],
    ],
    [
      'a value that is longer than its place',
      [28, 0, 0x3_0006, 4, 4, 0, 0],
      [28, 0x8000_0000, 0x3_0006, 4, 0x8000_0008, 0, 0],
    ],
    ['a tag that ends after the buffer', [24, 0, 0x3_0006, 64, 4, 0, 0], [24, 0x8000_0000, 0x3_0006, 64, 4, 0, 0]],
    ['a buffer that ends after RAM', [0x7fff_fff0, 0, 0x3_0006], [0x7fff_fff0, 0x8000_0001, 0x3_0006]],
  ])('answers %s', (_what, request, answer) => {
    const { mailbox, put, words } = make();
    put(request);
    mailbox.write(MAIL1_WRT, 4, 0xc000_0000 + BUFFER + PROPERTY);
    expect(mailbox.read(MAIL0_RD, 4)).toBe(0xc000_0000 + BUFFER + PROPERTY);
    expect(words(answer.length)).toEqual(answer);
  });

  it('reports a tag that the firmware does not have, once', () => {
    const { mailbox, put, context } = make();
    for (let i = 0; i < 2; i++) {
      put([28, 0, 0x6_6666, 4, 4, 7, 0]);
      mailbox.write(MAIL1_WRT, 4, BUFFER + PROPERTY);
    }
    expect(context.events).toEqual([
      expect.objectContaining({
        kind: 'mmio-unknown',
        device: 'mailbox, property tag',
        offset: '0x66666',
        value: '0x7',
      }),
    ]);
  });

  it('interrupts while there is an answer, when told so, and is full after eight', () => {
    const { mailbox, put, context } = make();
    put([12, 0, 0]);
    expect([mailbox.read(MAIL0_STA, 4), mailbox.read(MAIL1_STA, 4)]).toEqual([EMPTY, EMPTY]);
    mailbox.write(MAIL1_WRT, 4, BUFFER + PROPERTY);
    expect([mailbox.read(MAIL0_STA, 4), context.irq]).toEqual([0, false]);
    mailbox.write(MAIL0_CNF, 4, 1);
    expect(context.irq).toBe(true);
    for (let i = 0; i < 8; i++) mailbox.write(MAIL1_WRT, 4, BUFFER + PROPERTY);
    expect([mailbox.read(MAIL0_STA, 4), mailbox.read(MAIL1_STA, 4)]).toEqual([FULL, FULL]);
    for (let i = 0; i < 8; i++) mailbox.read(MAIL0_RD, 4);
    expect([mailbox.read(MAIL0_STA, 4), context.irq]).toEqual([EMPTY, false]);
  });

  it('takes nothing on other channels, and survives a buffer that is nowhere', () => {
    const { mailbox } = make();
    mailbox.write(MAIL1_WRT, 4, BUFFER + 1);
    expect(mailbox.read(MAIL0_STA, 4)).toBe(EMPTY);
    mailbox.write(MAIL1_WRT, 4, 0x3fff_fff0 + PROPERTY);
    expect(mailbox.read(MAIL0_RD, 4)).toBe(0x3fff_fff8);
  });
});

describe('Bcm2835Pm', () => {
  const [RSTC, RSTS, WDOG] = [0x1c, 0x20, 0x24] as const;
  const FULL_RESET = 0x20;
  const TICK_NS = 1e9 / 65_536;

  const make = () => {
    const context = new TimedContext();
    const requests: string[] = [];
    const pm = new Bcm2835Pm({ name: 'pm', context, timers: context, onPower: (request) => requests.push(request) });
    return { context, requests, pm };
  };

  it.each([
    ['resets', 0, 'reset'],
    ['leaves the board off for partition 63', 0x555, 'off'],
  ])('%s when the watchdog has counted down, and not a tick earlier', (_what, partition, request) => {
    const { pm, context, requests } = make();
    pm.write(RSTS, 4, PASSWORD | partition);
    pm.write(WDOG, 4, PASSWORD | 10);
    context.advance(1e9);
    expect(requests).toEqual([]);
    pm.write(RSTC, 4, PASSWORD | FULL_RESET);
    context.advance(4 * TICK_NS + 1);
    expect(pm.read(WDOG, 4)).toBe(6);
    context.advance(6 * TICK_NS - 3);
    expect(requests).toEqual([]);
    context.advance(4);
    expect(requests).toEqual([request]);
  });

  it('is fed, and stopped', () => {
    const { pm, context, requests } = make();
    pm.write(WDOG, 4, PASSWORD | 10);
    pm.write(RSTC, 4, PASSWORD | FULL_RESET);
    for (let i = 0; i < 5; i++) {
      context.advance(9 * TICK_NS);
      pm.write(WDOG, 4, PASSWORD | 10);
    }
    pm.write(RSTC, 4, PASSWORD | 0x102);
    context.advance(1e9);
    expect([requests, context.pendingTimers]).toEqual([[], 0]);
  });

  it('takes no write without the password', () => {
    const { pm } = make();
    pm.write(RSTS, 4, 0x555);
    pm.write(RSTS, 2, 0x555);
    expect([pm.read(RSTS, 4), pm.read(RSTC, 4)]).toEqual([0, 0x102]);
  });
});

describe('Bcm2711Cprman', () => {
  const [GP0CTL, GP0DIV, UARTCTL, UARTDIV, LOCK, PLLC] = [0x70, 0x74, 0xf0, 0xf4, 0x114, 0x108] as const;
  const ENABLE = 0x10;
  const BUSY = 0x80;

  it.each<[string, number, number, number]>([
    ['a generator is busy while it is enabled', GP0CTL, PASSWORD | ENABLE | 1, ENABLE | BUSY | 1],
    ['and idle when it is not', GP0CTL, PASSWORD | BUSY | 1, 1],
    ['a divisor is kept as it is', GP0DIV, PASSWORD | ENABLE, ENABLE],
    ['a PLL has no busy bit', PLLC, PASSWORD | ENABLE, ENABLE],
    ['a write without the password is ignored', UARTDIV, 0x1000, 0xfa00],
    ['what is locked cannot be written', LOCK, PASSWORD, 0x1f00],
  ])('%s', (_what, register, write, read) => {
    const cprman = new Bcm2711Cprman('cprman', new RecordingContext());
    expect(cprman.read(UARTCTL, 4)).toBe(ENABLE | BUSY | 6);
    cprman.write(register, 4, write);
    expect(cprman.read(register, 4)).toBe(read);
  });
});

describe('Bcm2835SystemTimer', () => {
  const [CS, CLO, CHI, C1] = [0, 4, 8, 0x10] as const;
  const US = 1000;

  const make = () => {
    const context = new TimedContext();
    const lines: [number, boolean][] = [];
    const setLine = (channel: number, level: boolean) => lines.push([channel, level]);
    return { context, lines, timer: new Bcm2835SystemTimer({ name: 'timer', context, timers: context, setLine }) };
  };

  it('counts microseconds in 64 bits, from its reset', () => {
    const { timer, context } = make();
    context.advance(5 * US);
    timer.reset();
    context.advance((2 ** 32 + 7) * US);
    expect([timer.read(CLO, 4), timer.read(CHI, 4)]).toEqual([7, 1]);
  });

  it('matches when the counter comes to a compare register, again after 2^32', () => {
    const { timer, context, lines } = make();
    context.advance(100 * US);
    timer.write(C1, 4, 150);
    context.advance(50 * US - 1);
    expect(lines).toEqual([]);
    context.advance(1);
    expect([timer.read(CS, 4), lines]).toEqual([2, [[1, true]]]);
    timer.write(CS, 4, 2);
    expect([timer.read(CS, 4), lines.at(-1)]).toEqual([0, [1, false]]);
    context.advance(2 ** 32 * US);
    expect(timer.read(CS, 4)).toBe(2);
  });
});
