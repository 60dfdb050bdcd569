// SPDX-License-Identifier: GPL-2.0-only
/**
 * The drivers against a UART that is nothing but a list of accesses and scripted answers. That they
 * work with the machine's models of the same UARTs is for the tests of whole machines: the kernel
 * imports nothing of the machine.
 */

import { describe, expect, it } from 'vitest';
import { type VirtAddr, virtAddr } from '#common/address.ts';
import { DataAbort } from '#common/data-abort.ts';
import type { MmioPort } from '#kernel-ts/hal/ports.ts';
import { baudDivisor, type Console, POLL_LIMIT } from './console.ts';
import { findConsole } from './console-drivers.ts';
import { Gs101UartConsole } from './gs101-uart-console.ts';
import { Pl011Console } from './pl011-console.ts';

const BASE = virtAddr(0xffff_8000_0900_0000n);

/** Reads: the next scripted value, the last for ever. Writes: recorded. 32-bit accesses only. */
class ScriptedPort implements MmioPort {
  readonly writes: [number, number][] = [];
  reads = 0;
  private readonly answers: Map<number, number[]>;

  constructor(answers: Record<number, number[]> = {}) {
    this.answers = new Map(Object.entries(answers).map(([offset, values]) => [Number(offset), [...values]]));
  }

  read32(va: VirtAddr): number {
    this.reads++;
    const values = this.answers.get(Number(va - BASE)) ?? [0];
    return (values.length > 1 ? values.shift() : values[0]) ?? 0;
  }

  write32(va: VirtAddr, value: number): void {
    this.writes.push([Number(va - BASE), value]);
  }

  sent(offset: number): number[] {
    return this.writes.filter(([register]) => register === offset).map(([, value]) => value);
  }

  read8(): number {
    throw new Error('a driver used an 8-bit read');
  }

  read16(): number {
    throw new Error('a driver used a 16-bit read');
  }

  write8(): void {
    throw new Error('a driver used an 8-bit write');
  }

  write16(): void {
    throw new Error('a driver used a 16-bit write');
  }
}

interface DriverCase {
  readonly name: string;
  readonly make: (port: MmioPort) => Console;
  readonly data: number;
  readonly status: number;
  readonly full: number;
}

const drivers: DriverCase[] = [
  { name: 'PL011', make: (port) => new Pl011Console(port, BASE), data: 0x00, status: 0x18, full: 1 << 5 },
  { name: 'gs101 UART', make: (port) => new Gs101UartConsole(port, BASE), data: 0x20, status: 0x18, full: 1 << 24 },
];

describe.each(drivers)('Console over a $name', ({ make, data, status, full }) => {
  it('sends text as exactly its UTF-8 bytes, the line feed included', () => {
    const port = new ScriptedPort();
    expect(make(port).write('PANIC: All RAM is reserved — no free memory\n')).toBe(0);
    const expected = [...new TextEncoder().encode('PANIC: All RAM is reserved — no free memory'), 0x0a];
    expect(port.sent(data)).toEqual(expected);
  });

  it('sends a single byte as it is', () => {
    const port = new ScriptedPort();
    expect(make(port).writeByte(0x0a)).toBe(true);
    expect(port.sent(data)).toEqual([0x0a]);
  });

  it('waits for room in the FIFO', () => {
    const port = new ScriptedPort({ [status]: [full, full, full, 0] });
    expect(make(port).writeByte(0x41)).toBe(true);
    expect([port.reads, port.sent(data)]).toEqual([4, [0x41]]);
  });

  it('gives up after a bounded number of polls and drops the byte', () => {
    const port = new ScriptedPort({ [status]: [full] });
    const console = make(port);
    expect(console.writeByte(0x41)).toBe(false);
    expect(port.reads).toBe(POLL_LIMIT);
    expect(port.sent(data)).toEqual([]);
    expect(console.write('\n')).toBe(1);
  });

  it('lets a fault of the mapping through', () => {
    const port = new ScriptedPort();
    port.read32 = () => {
      throw new DataAbort(0x9600_0006, BASE);
    };
    expect(() => make(port).writeByte(0x41)).toThrow(DataAbort);
  });
});

describe('Pl011Console', () => {
  it('programs divisor, then line control, then enable, for 115,200 baud of 24 MHz', () => {
    const port = new ScriptedPort();
    new Pl011Console(port, BASE).init();
    expect(port.writes).toEqual([
      [0x30, 0],
      [0x2c, 0],
      [0x38, 0],
      [0x44, 0x7ff],
      [0x24, 13],
      [0x28, 1],
      [0x2c, 0x70],
      [0x30, 0x301],
    ]);
  });

  it('lets what is being sent leave before it turns the UART off', () => {
    const port = new ScriptedPort({ 0x18: [8, 8, 0] });
    new Pl011Console(port, BASE).init();
    expect(port.reads).toBe(3);
  });

  it('reads a byte, skips damaged ones, and keeps one that came before an overrun', () => {
    const port = new ScriptedPort({ 0x18: [0x10, 0, 0, 0, 0x10], 0x00: [0x400, 0x241, 0x842] });
    const console = new Pl011Console(port, BASE);
    expect(console.tryReadByte()).toBeNull();
    expect(console.tryReadByte()).toBe(0x42);
    expect(console.tryReadByte()).toBeNull();
  });
});

describe('Gs101UartConsole', () => {
  it('programs the line before it enables the modes', () => {
    const port = new ScriptedPort({ 0x10: [6] });
    new Gs101UartConsole(port, BASE).init();
    expect(port.writes).toEqual([
      [0x38, 0xf],
      [0x04, 0],
      [0x00, 3],
      [0x0c, 0],
      [0x28, 107],
      [0x2c, 8],
      [0x08, 7],
      [0x04, 5],
      [0x30, 0xf],
    ]);
  });

  it('reads the status of a character before the character, and takes "full" for 256', () => {
    const port = new ScriptedPort({ 0x18: [0x100, 2, 1, 0], 0x14: [0x8, 0x4, 0x1], 0x24: [0, 0x7f, 0x42] });
    const console = new Gs101UartConsole(port, BASE);
    expect(console.tryReadByte()).toBe(0x42);
    expect(console.tryReadByte()).toBeNull();
  });
});

describe('findConsole', () => {
  it.each([
    [['arm,pl011', 'arm,primecell'], 'arm,pl011'],
    [['google,gs101-uart'], 'google,gs101-uart'],
    [['vendor,special-uart', 'arm,pl011'], 'arm,pl011'],
  ])('picks from %j', (compatible, chosen) => {
    expect(findConsole(compatible)?.compatible).toBe(chosen);
  });

  it('builds a console that touches nothing until it is used', () => {
    const port = new ScriptedPort();
    const console = findConsole(['google,gs101-uart'])?.create(port, BASE, { clockHz: 24_000_000, baud: 115_200 });
    expect([port.reads, port.writes.length]).toEqual([0, 0]);
    console?.init();
    expect(port.sent(0x28)).toEqual([12]); // 24 MHz / (16 × 115,200) − 1 = 12.02
  });

  it.each([[[]], [['ns16550a']], [['ARM,PL011']]])('answers null for %j', (compatible: string[]) => {
    expect(findConsole(compatible)).toBeNull();
  });
});

describe('baudDivisor', () => {
  it('rounds to the nearest step', () => {
    expect(baudDivisor({ clockHz: 24_000_000, baud: 115_200 }, 64)).toBe(13 * 64 + 1);
    expect(baudDivisor({ clockHz: 200_000_000, baud: 115_200 }, 16)).toBe(108 * 16 + 8);
  });

  it.each([
    [1_000_000, 115_200],
    [24_000_000, 0],
    [24_000_000, -1],
    [Number.NaN, 115_200],
    [2e12, 1],
  ])('refuses a clock of %d Hz at %d baud', (clockHz, baud) => {
    expect(() => baudDivisor({ clockHz, baud }, 64)).toThrow(RangeError);
  });
});
