// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { onBus } from './testing/device-bus.ts';
import { bytesOf, RecordingContext } from './testing/test-context.ts';
import { Pl011 } from './pl011.ts';
import { BREAK, FRAMING_ERROR, PARITY_ERROR } from './uart-receiver.ts';

const [DR, RSR, FR, IBRD, FBRD, LCR_H, CR, IFLS, IMSC, RIS, MIS, ICR, DMACR] = [
  0x00, 0x04, 0x18, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x38, 0x3c, 0x40, 0x44, 0x48,
] as const;
const [RX, TX, RT, FE, PE, BE, OE] = [0x10, 0x20, 0x40, 0x80, 0x100, 0x200, 0x400] as const;

function make() {
  const context = new RecordingContext();
  const uart = new Pl011({ name: 'pl011@9000000', context, onTransmit: (byte) => context.sent.push(byte) });
  return { context, uart };
}

/** Programmed as a driver does it: divisor, 8 bits with FIFOs (or without), enabled. */
function makeReady(lineControl = 0x70) {
  const made = make();
  made.uart.write(IBRD, 4, 13);
  made.uart.write(FBRD, 4, 1);
  made.uart.write(LCR_H, 4, lineControl);
  made.uart.write(CR, 4, 0x301);
  return made;
}

function send(uart: Pl011, text: string): void {
  for (const byte of bytesOf(text)) {
    uart.write(DR, 4, byte);
  }
}

describe('PL011 registers', () => {
  it.each([
    ['FR', FR, 0x90],
    ['CR', CR, 0x300],
    ['IFLS', IFLS, 0x12],
    ['LCR_H', LCR_H, 0],
    ['IMSC', IMSC, 0],
    ['RIS', RIS, 0],
    ['DMACR', DMACR, 0],
  ])('%s comes out of reset as the manual says', (_name, offset, value) => {
    const { uart } = make();
    expect(uart.read(offset, 4)).toBe(value);
    for (let register = 0x20; register <= 0x48; register += 4) {
      uart.write(register, 4, 0xffff_ffff);
    }
    uart.reset();
    expect(uart.read(offset, 4)).toBe(value);
  });

  it('identifies itself as a PrimeCell, part 0x011', () => {
    const { uart, context } = make();
    const ids = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => uart.read(0xfe0 + 4 * index, 4));
    expect(ids).toEqual([0x11, 0x10, 0x14, 0x00, 0x0d, 0xf0, 0x05, 0xb1]);
    expect(context.events).toEqual([]);
  });

  it.each([
    ['IBRD', IBRD, 0xffff],
    ['FBRD', FBRD, 0x3f],
    ['LCR_H', LCR_H, 0xff],
    ['CR', CR, 0xffff],
    ['IFLS', IFLS, 0x3f],
    ['IMSC', IMSC, 0x7ff],
    ['DMACR', DMACR, 7],
  ])('%s keeps its implemented bits', (_name, offset, bits) => {
    const { uart } = make();
    uart.write(offset, 4, 0xffff_ffff);
    expect(uart.read(offset, 4)).toBe(bits);
  });

  it('answers 8- and 16-bit accesses with the low bits', () => {
    const { uart, context } = makeReady();
    expect([onBus(uart).read(CR, 1), onBus(uart).read(CR, 2)]).toEqual([0x01, 0x301]);
    uart.write(DR, 1, 0x41);
    uart.write(DR, 2, 0x42);
    expect(context.text).toBe('AB');
  });

  it('reports an unknown register once and reads it as zero', () => {
    const { uart, context } = make();
    expect(uart.read(0x80, 4)).toBe(0);
    uart.write(0x80, 4, 1);
    uart.write(0x90, 2, 0xab);
    expect(context.events).toEqual([
      { kind: 'mmio-unknown', device: 'pl011@9000000', offset: '0x80', access: 'read', width: 4, value: '0x0' },
      { kind: 'mmio-unknown', device: 'pl011@9000000', offset: '0x90', access: 'write', width: 2, value: '0xab' },
    ]);
  });
});

describe('PL011 transmit', () => {
  it('sends at once and stays idle', () => {
    const { uart, context } = makeReady();
    send(uart, 'hello');
    expect(context.text).toBe('hello');
    expect(uart.read(FR, 4)).toBe(0x90);
    expect([uart.lostCharacters, context.events]).toEqual([0, []]);
  });

  it.each([
    ['CR.UARTEN', 0x300],
    ['CR.TXE', 0x201],
  ])('loses characters while %s is not set, and says so once', (register, control) => {
    const { uart, context } = makeReady();
    uart.write(CR, 4, control);
    send(uart, 'Hello');
    expect(context.sent).toEqual([]);
    expect(uart.lostCharacters).toBe(5);
    expect(context.events).toEqual([{ kind: 'uart', device: 'pl011@9000000', what: 'lost', register, byte: '0x48' }]);
    expect(uart.read(RIS, 4) & TX).toBe(0);
  });

  it('says how many were lost when it sends again, and tells the next loss anew', () => {
    const { uart, context } = makeReady();
    uart.write(CR, 4, 0);
    send(uart, 'abc');
    uart.write(CR, 4, 0x301);
    send(uart, 'de');
    uart.write(CR, 4, 0);
    send(uart, 'f');
    expect(context.text).toBe('de');
    expect(context.events.map(({ what, lost }) => [what, lost])).toEqual([
      ['lost', undefined],
      ['resumed', 3],
      ['lost', undefined],
    ]);
    expect(uart.lostCharacters).toBe(4);
  });

  it('sends and receives with nothing but the enable bits set: the line has no baud rate', () => {
    const { uart, context } = make();
    uart.write(CR, 4, 0x301);
    send(uart, 'Hello');
    uart.receive(bytesOf('yes'));
    expect([context.text, uart.lostCharacters, context.events]).toEqual(['Hello', 0, []]);
    expect(uart.read(DR, 4)).toBe(0x79);
  });

  it.each([0x00, 0x10, 0x20, 0x40, 0x70])(
    'sends whole bytes whatever word length LCR_H = %i asks for',
    (lineControl) => {
      const { uart, context } = makeReady(lineControl);
      uart.write(CR, 4, 0x381);
      send(uart, '\xffA');
      expect(context.sent).toEqual([0xff, 0x41]);
      expect(uart.read(DR, 4) & 0xff).toBe(0xff);
      expect(context.events).toEqual([]);
    },
  );

  it('raises the transmit interrupt after a character, until it is cleared', () => {
    const { uart, context } = makeReady();
    uart.write(IMSC, 4, TX);
    expect(context.irq).toBe(false);
    send(uart, 'a');
    expect([context.irq, uart.read(MIS, 4)]).toEqual([true, TX]);
    uart.write(ICR, 4, TX);
    expect([context.irq, uart.read(RIS, 4)]).toEqual([false, 0]);
    expect(context.irqChanges).toEqual([true, false]);
  });
});

describe('PL011 receive', () => {
  it('hands over a text longer than the FIFO, in order, by polling', () => {
    const { uart } = makeReady();
    const text = 'the quick brown fox jumps over the lazy dog';
    uart.receive(bytesOf(text));
    expect([uart.read(FR, 4), uart.waitingInput]).toEqual([0xc0, text.length - 16]);
    let read = '';
    while ((uart.read(FR, 4) & 0x10) === 0) {
      read += String.fromCharCode(uart.read(DR, 4));
    }
    expect(read).toBe(text);
    expect(uart.read(FR, 4)).toBe(0x90);
    expect(uart.read(DR, 4)).toBe(0);
  });

  it('keeps input until the receiver is enabled', () => {
    const { uart } = make();
    uart.receive(bytesOf('ls\n'));
    expect([uart.read(FR, 4), uart.waitingInput]).toEqual([0x90, 3]);
    uart.write(IBRD, 4, 13);
    uart.write(LCR_H, 4, 0x70);
    uart.write(CR, 4, 0x301);
    expect([uart.read(FR, 4), uart.waitingInput]).toEqual([0x80, 0]);
    expect(uart.read(DR, 4)).toBe(0x6c);
  });

  it('holds one character with the FIFOs off', () => {
    const { uart } = makeReady(0x60);
    uart.receive(bytesOf('ab'));
    expect([uart.read(FR, 4), uart.waitingInput]).toEqual([0xc0, 1]);
    expect([uart.read(DR, 4), uart.read(DR, 4)]).toEqual([0x61, 0x62]);
    expect(uart.read(FR, 4)).toBe(0x90);
  });

  it.each([
    [0, 2],
    [1, 4],
    [2, 8],
    [3, 12],
    [4, 14],
  ])('raises the receive interrupt at trigger level %d: %d characters', (level, characters) => {
    const { uart, context } = makeReady();
    uart.write(IFLS, 4, level << 3);
    uart.write(IMSC, 4, RX);
    for (let count = 1; count < characters; count++) {
      uart.shiftIn(count);
    }
    expect(context.irq).toBe(false);
    uart.shiftIn(characters);
    expect(context.irq).toBe(true);
    uart.read(DR, 4);
    expect([context.irq, uart.read(RIS, 4) & RX]).toEqual([false, 0]);
  });

  it('raises the timeout below the trigger level and drops it when the FIFO is empty', () => {
    const { uart, context } = makeReady();
    uart.write(IMSC, 4, RT);
    uart.receive(bytesOf('ab'));
    expect([context.irq, uart.read(MIS, 4)]).toEqual([true, RT]);
    uart.read(DR, 4);
    expect(context.irq).toBe(true);
    uart.read(DR, 4);
    expect(context.irq).toBe(false);
  });

  it('drops an interrupt that ICR clears, and raises it again while the guest leaves characters', () => {
    const { uart, context } = makeReady();
    uart.write(IMSC, 4, RT);
    uart.receive(bytesOf('abc'));
    uart.write(ICR, 4, RT);
    expect(context.irq).toBe(false);
    uart.read(DR, 4);
    expect(context.irq).toBe(true);
  });

  it('marks framing, parity and break errors on their characters', () => {
    const { uart } = makeReady();
    uart.shiftIn(0x41, FRAMING_ERROR);
    uart.shiftIn(0x42, PARITY_ERROR);
    uart.receiveBreak();
    expect(uart.read(RIS, 4) & (FE | PE | BE)).toBe(FE | PE | BE);
    expect([uart.read(DR, 4), uart.read(RSR, 4)]).toEqual([0x141, 1]);
    expect([uart.read(DR, 4), uart.read(RSR, 4)]).toEqual([0x242, 2]);
    expect([uart.read(DR, 4), uart.read(RSR, 4)]).toEqual([BREAK, 4]);
    uart.write(RSR, 4, 0xff);
    expect(uart.read(RSR, 4)).toBe(0);
  });

  it('keeps the FIFO on an overrun and reports it until there is room again', () => {
    const { uart, context } = makeReady();
    uart.write(IMSC, 4, OE);
    for (let byte = 0; byte < 17; byte++) {
      uart.shiftIn(byte);
    }
    expect([context.irq, uart.read(RSR, 4) & 8]).toEqual([true, 8]);
    expect(uart.read(DR, 4)).toBe(0x800);
    uart.shiftIn(0x55);
    const rest = Array.from({ length: 16 }, () => uart.read(DR, 4));
    expect(rest).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0x55]);
  });

  it('loses a character on the line while the receiver is disabled', () => {
    const { uart } = makeReady();
    uart.write(CR, 4, 0x101);
    uart.shiftIn(0x41);
    uart.write(CR, 4, 0x301);
    expect(uart.read(FR, 4)).toBe(0x90);
  });

  it('receives its own characters in loopback', () => {
    const { uart, context } = makeReady();
    uart.write(CR, 4, 0x381);
    send(uart, 'x');
    uart.write(LCR_H, 4, 0x71);
    expect([uart.read(DR, 4), uart.read(DR, 4)]).toEqual([0x78, BREAK]);
    expect(context.text).toBe('x');
  });

  it('empties the FIFO when it is switched, and at reset, but not the input that waits', () => {
    const { uart, context } = makeReady();
    uart.write(IMSC, 4, 0x7ff);
    uart.receive(bytesOf('0123456789abcdefXY'));
    uart.write(LCR_H, 4, 0x60);
    expect(uart.read(DR, 4)).toBe(0x58);
    uart.reset();
    expect([uart.read(FR, 4), context.irq]).toEqual([0x90, false]);
  });

  it('behaves like a queue of 16 under any mix of arrivals and reads', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('arrive' as const), byte: fc.nat(255) }),
      fc.record({ what: fc.constant('read' as const) }),
      fc.record({ what: fc.constant('queue' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const { uart, context } = makeReady();
        uart.write(IMSC, 4, RX | RT);
        const fifo: number[] = [];
        const waiting: number[] = [];
        let overrun = false;
        const refill = () => {
          while (fifo.length < 16 && waiting.length > 0) {
            fifo.push(waiting.shift() as number);
            overrun = false;
          }
        };
        for (const one of steps) {
          if (one.what === 'queue') {
            uart.receive(one.bytes);
            waiting.push(...one.bytes);
            refill();
          } else if (one.what === 'arrive') {
            uart.shiftIn(one.byte);
            if (fifo.length < 16) {
              fifo.push(one.byte);
              overrun = false;
            } else {
              overrun = true;
            }
          } else {
            const expected = fifo.length === 0 ? 0 : (fifo.shift() as number) | (overrun ? 0x800 : 0);
            expect(uart.read(DR, 4)).toBe(expected);
            refill();
          }
          expect(uart.read(FR, 4)).toBe(0x80 | (fifo.length === 0 ? 0x10 : 0) | (fifo.length === 16 ? 0x40 : 0));
          expect(uart.waitingInput).toBe(waiting.length);
          expect(context.irq).toBe(fifo.length > 0);
        }
      }),
      { numRuns: 200 },
    );
  });
});
