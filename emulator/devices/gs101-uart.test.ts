// SPDX-License-Identifier: GPL-2.0-only
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BusAbort } from '#emulator/bus/device.ts';
import { bytesOf, RecordingContext } from './testing/test-context.ts';
import { Gs101Uart } from './gs101-uart.ts';
import { FRAMING_ERROR, PARITY_ERROR } from './uart-receiver.ts';

const [ULCON, UCON, UFCON, UTRSTAT, UERSTAT, UFSTAT, UTXH, URXH, UBRDIV, UFRACVAL, UINTP, UINTSP, UINTM] = [
  0x00, 0x04, 0x08, 0x10, 0x14, 0x18, 0x20, 0x24, 0x28, 0x2c, 0x30, 0x34, 0x38,
] as const;
const [RXD, ERR, TXD] = [1, 2, 4] as const;
const POLLED = 0x5;
const TIMEOUT = 0x80;

function make() {
  const context = new RecordingContext();
  const uart = new Gs101Uart({ name: 'serial@10a00000', context, onTransmit: (byte) => context.sent.push(byte) });
  return { context, uart };
}

/** 8N1, FIFOs on, both modes on, every interrupt masked. */
function makeReady(ucon = POLLED, ufcon = 7) {
  const made = make();
  made.uart.write(UINTM, 4, 0xf);
  made.uart.write(ULCON, 4, 3);
  made.uart.write(UFCON, 4, ufcon);
  made.uart.write(UCON, 4, ucon);
  return made;
}

describe('gs101 UART registers', () => {
  it('is idle after reset and has forgotten its programming', () => {
    const { uart } = makeReady();
    uart.receive(bytesOf('abc'));
    uart.reset();
    const read = [ULCON, UCON, UFCON, UTRSTAT, UERSTAT, UFSTAT, UINTP, UINTSP, UINTM].map((offset) =>
      uart.read(offset, 4),
    );
    expect(read).toEqual([0, 0, 0, 6, 0, 0, 0, 0, 0]);
  });

  it.each([1, 2] as const)('refuses accesses of %d bytes without any effect', (width) => {
    const { uart, context } = makeReady();
    uart.receive(bytesOf('a'));
    expect(() => uart.read(URXH, width)).toThrow(BusAbort);
    expect(() => uart.write(UTXH, width, 0x41)).toThrow(`32-bit accesses only, not ${8 * width}-bit ones`);
    expect([context.sent, uart.read(UFSTAT, 4)]).toEqual([[], 1]);
  });

  it('clears the FIFO reset bits by itself', () => {
    const { uart } = make();
    uart.write(UFCON, 4, 0x117);
    expect(uart.read(UFCON, 4)).toBe(0x111);
  });

  it('keeps the divisor', () => {
    const { uart } = make();
    uart.write(UBRDIV, 4, 0xf_006b);
    uart.write(UFRACVAL, 4, 0x18);
    expect([uart.read(UBRDIV, 4), uart.read(UFRACVAL, 4)]).toEqual([0x006b, 8]);
  });

  it('reports an unknown register once', () => {
    const { uart, context } = make();
    expect([uart.read(0x40, 4), uart.read(0x40, 4)]).toEqual([0, 0]);
    expect(context.events).toEqual([
      { kind: 'mmio-unknown', device: 'serial@10a00000', offset: '0x40', access: 'read', width: 4, value: '0x0' },
    ]);
  });
});

describe('gs101 UART transmit', () => {
  it('sends at once, with FIFO and without, and stays idle', () => {
    for (const ufcon of [7, 0]) {
      const { uart, context } = makeReady(POLLED, ufcon);
      for (const byte of bytesOf('hello')) {
        uart.write(UTXH, 4, byte);
      }
      expect(context.text).toBe('hello');
      expect([uart.read(UTRSTAT, 4), uart.read(UFSTAT, 4), uart.read(UTXH, 4)]).toEqual([6, 0, 0]);
    }
  });

  it('loses characters until UCON enables the transmitter, says so once, and then how many', () => {
    const { uart, context } = make();
    uart.write(ULCON, 4, 3);
    uart.write(UCON, 4, 0x3001);
    uart.write(UTXH, 4, 0x41);
    uart.write(UTXH, 4, 0x42);
    uart.write(UCON, 4, POLLED);
    uart.write(UTXH, 4, 0x43);
    expect(context.text).toBe('C');
    expect(uart.lostCharacters).toBe(2);
    expect(context.events).toEqual([
      { kind: 'uart', device: 'serial@10a00000', what: 'lost', register: 'UCON', byte: '0x41' },
      { kind: 'uart', device: 'serial@10a00000', what: 'resumed', lost: 2 },
    ]);
  });

  it('sends five bits while ULCON is not programmed, and says so', () => {
    const { uart, context } = make();
    uart.write(UCON, 4, POLLED);
    uart.write(UTXH, 4, 0x41);
    expect(context.sent).toEqual([1]);
    expect(context.events).toMatchObject([{ what: 'truncated', register: 'ULCON', dataBits: 5 }]);
  });

  it('requests the transmit interrupt as long as the FIFO has room and it is unmasked', () => {
    const { uart, context } = makeReady();
    expect([context.irq, uart.read(UINTSP, 4), uart.read(UINTP, 4)]).toEqual([false, TXD, 0]);
    uart.write(UINTM, 4, 0xf & ~TXD);
    expect([context.irq, uart.read(UINTP, 4)]).toEqual([true, TXD]);
    uart.write(UINTP, 4, TXD);
    expect([context.irq, uart.read(UINTP, 4)]).toEqual([true, TXD]);
    uart.write(UINTM, 4, 0xf);
    expect(context.irq).toBe(false);
  });

  it('requests nothing with the transmitter disabled', () => {
    const { uart, context } = make();
    uart.write(UFCON, 4, 1);
    expect([context.irq, uart.read(UINTSP, 4)]).toEqual([false, 0]);
  });
});

describe('gs101 UART receive', () => {
  it('hands over a text longer than the FIFO, in order, by polling', () => {
    const { uart } = makeReady();
    const text = 'pasted '.repeat(100);
    uart.receive(bytesOf(text));
    expect([uart.read(UFSTAT, 4), uart.read(UTRSTAT, 4), uart.waitingInput]).toEqual([0x100, 7, text.length - 256]);
    let read = '';
    while ((uart.read(UFSTAT, 4) & 0x1ff) !== 0) {
      read += String.fromCharCode(uart.read(URXH, 4));
    }
    expect(read).toBe(text);
    expect([uart.read(UTRSTAT, 4), uart.read(URXH, 4)]).toEqual([6, 0]);
  });

  it('keeps input until UCON enables the receiver', () => {
    const { uart } = make();
    uart.receive(bytesOf('ls'));
    expect([uart.read(UTRSTAT, 4), uart.waitingInput]).toEqual([6, 2]);
    uart.write(UFCON, 4, 7);
    uart.write(UCON, 4, POLLED);
    expect([uart.read(UFSTAT, 4), uart.waitingInput]).toEqual([2, 0]);
  });

  it('holds one character with the FIFO off and shows it in UTRSTAT only', () => {
    const { uart, context } = makeReady(POLLED, 0);
    uart.write(UINTM, 4, 0xf & ~RXD);
    uart.receive(bytesOf('ab'));
    expect([uart.read(UFSTAT, 4), uart.read(UTRSTAT, 4), context.irq]).toEqual([0, 7, true]);
    expect([uart.read(URXH, 4), uart.read(URXH, 4)]).toEqual([0x61, 0x62]);
    expect(uart.read(UTRSTAT, 4)).toBe(6);
  });

  it.each([
    [0, 32],
    [3, 128],
    [7, 256],
  ])('requests the receive interrupt at trigger %d: %d characters', (trigger, characters) => {
    const { uart, context } = makeReady(POLLED, 7 | (trigger << 4));
    uart.write(UINTM, 4, 0xf & ~RXD);
    uart.receive(new Uint8Array(characters - 1));
    expect(context.irq).toBe(false);
    uart.receive(new Uint8Array(1));
    expect([context.irq, uart.read(UINTP, 4)]).toEqual([true, RXD]);
  });

  it('serves an interrupt handler that drains the FIFO and then acknowledges', () => {
    const { uart, context } = makeReady(POLLED | TIMEOUT);
    uart.write(UINTM, 4, 0xf & ~RXD);
    uart.receive(bytesOf('hi'));
    expect([context.irq, uart.read(UTRSTAT, 4)]).toEqual([true, 0xf]);
    while (uart.read(UFSTAT, 4) !== 0) {
      uart.read(URXH, 4);
    }
    expect(context.irq).toBe(true); // latched until it is acknowledged
    uart.write(UINTP, 4, RXD);
    expect([context.irq, context.irqChanges]).toEqual([false, [true, false]]);
    uart.write(UTRSTAT, 4, 8);
    expect(uart.read(UTRSTAT, 4)).toBe(6);
  });

  it('asks again when a handler acknowledges before it has drained', () => {
    const { uart, context } = makeReady(POLLED | TIMEOUT);
    uart.write(UINTM, 4, 0xf & ~RXD);
    uart.receive(bytesOf('hi'));
    uart.write(UINTP, 4, RXD);
    expect(context.irq).toBe(true);
  });

  it('is not out of time while input goes on', () => {
    const { uart } = makeReady(POLLED | TIMEOUT);
    uart.receive(new Uint8Array(258));
    expect(uart.read(UTRSTAT, 4)).toBe(7);
    uart.read(URXH, 4);
    uart.read(URXH, 4);
    expect([uart.waitingInput, uart.read(UTRSTAT, 4)]).toEqual([0, 0xf]);
  });

  it('asks for nothing below the trigger without the receive timeout', () => {
    const { uart, context } = makeReady();
    uart.write(UINTM, 4, 0xf & ~RXD);
    uart.receive(bytesOf('hi'));
    expect([context.irq, uart.read(UTRSTAT, 4)]).toEqual([false, 7]);
  });

  it('shows the errors of the next character once', () => {
    const { uart, context } = makeReady(POLLED | 0x40);
    uart.write(UINTM, 4, 0xf & ~ERR);
    uart.shiftIn(0x41, PARITY_ERROR);
    uart.shiftIn(0x42, FRAMING_ERROR);
    uart.receiveBreak();
    expect([context.irq, uart.read(UINTP, 4)]).toEqual([true, ERR]);
    const seen = [0, 1, 2].map(() => [uart.read(UERSTAT, 4), uart.read(UERSTAT, 4), uart.read(URXH, 4)]);
    expect(seen).toEqual([
      [2, 0, 0x41],
      [4, 0, 0x42],
      [8, 0, 0],
    ]);
    uart.write(UINTP, 4, ERR);
    expect(context.irq).toBe(false);
  });

  it('keeps the FIFO on an overrun and reports it once', () => {
    const { uart } = makeReady(POLLED | 0x40);
    for (let byte = 0; byte < 257; byte++) {
      uart.shiftIn(byte & 0xff);
    }
    expect([uart.read(UINTSP, 4) & ERR, uart.read(UERSTAT, 4), uart.read(UERSTAT, 4)]).toEqual([ERR, 1, 0]);
    const kept = Array.from({ length: 256 }, () => uart.read(URXH, 4));
    expect(kept).toEqual(Array.from({ length: 256 }, (_, index) => index));
  });

  it('loses a character on the line while the receiver is disabled', () => {
    const { uart } = makeReady(0x4);
    uart.shiftIn(0x41);
    uart.write(UCON, 4, POLLED);
    expect(uart.read(UFSTAT, 4)).toBe(0);
  });

  it('empties the FIFO on its reset bit, and lets the waiting input in', () => {
    const { uart } = makeReady();
    uart.receive(new Uint8Array(258).fill(1));
    uart.write(UFCON, 4, 3);
    expect(uart.read(UFSTAT, 4)).toBe(2);
  });

  it('receives its own characters in loopback', () => {
    const { uart } = makeReady(POLLED | 0x20);
    uart.write(UTXH, 4, 0x5a);
    expect(uart.read(URXH, 4)).toBe(0x5a);
  });

  it('behaves like a queue of 256 under any mix of arrivals and reads', () => {
    const step = fc.oneof(
      fc.record({ what: fc.constant('arrive' as const), count: fc.nat(90) }),
      fc.record({ what: fc.constant('read' as const), count: fc.nat(90) }),
      fc.record({ what: fc.constant('queue' as const), count: fc.nat(200) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const { uart, context } = makeReady(POLLED | TIMEOUT);
        uart.write(UINTM, 4, 0xf & ~RXD);
        const fifo: number[] = [];
        const waiting: number[] = [];
        let next = 0;
        let overrun = 0;
        const refill = () => {
          while (fifo.length < 256 && waiting.length > 0) {
            fifo.push(waiting.shift() as number);
          }
        };
        for (const { what, count } of steps) {
          if (what === 'queue') {
            const bytes = Uint8Array.from({ length: count }, () => next++);
            uart.receive(bytes);
            waiting.push(...bytes);
            refill();
          }
          const characters = what === 'queue' ? 0 : count;
          for (let i = 0; i < characters; i++) {
            if (what === 'read') {
              expect(uart.read(URXH, 4)).toBe(fifo.shift() ?? 0);
              refill();
            } else if (fifo.length < 256) {
              uart.shiftIn(next & 0xff);
              fifo.push(next++ & 0xff);
            } else {
              uart.shiftIn(next++);
              overrun = 1;
            }
          }
          uart.write(UINTP, 4, RXD);
          expect(uart.read(UFSTAT, 4)).toBe(fifo.length === 256 ? 0x100 : fifo.length);
          expect(uart.read(UTRSTAT, 4) & 1).toBe(fifo.length > 0 ? 1 : 0);
          expect(context.irq).toBe(fifo.length >= 32 || (fifo.length > 0 && waiting.length === 0));
          expect(uart.read(UERSTAT, 4)).toBe(overrun);
          overrun = 0;
        }
      }),
      { numRuns: 100 },
    );
  });
});
