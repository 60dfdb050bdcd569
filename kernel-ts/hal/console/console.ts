// SPDX-License-Identifier: GPL-2.0-only
/**
 * Console of the kernel: bytes in and out through one UART, polled, without memory of its own. It
 * works before anything else does and still works in a panic. Input can raise the UART's interrupt;
 * the kernel attaches the handler that reads the bytes.
 *
 * Line ends: `write` sends a line feed as it is and adds no carriage return. So a line on the
 * serial line is exactly the bytes that were written: tools match `PANIC: …` byte for byte, to the
 * end of its line. A terminal in raw mode adds the carriage returns itself.
 *
 * Not here: which UART the machine has (console-drivers.ts), log levels and tags (the kernel's).
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { LF } from '#common/ascii.ts';
import { encodeUtf8 } from '#common/utf8.ts';
import type { MmioPort } from '#kernel-ts/hal/ports.ts';

/** A console on a UART. Throws `DataAbort` when the registers are not mapped. */
export interface Console {
  /** Sets line format, speed, FIFOs, enable bits. A real UART sends nothing before it. */
  init(): void;
  /**
   * Sends one byte as it is, after waiting for room. False when there is no room after
   * {@link POLL_LIMIT} tries: the byte is dropped, because a kernel that hangs in its console
   * cannot say why.
   */
  writeByte(byte: number): boolean;
  /** True when the last byte sent was a line feed, or when none was sent. */
  readonly atLineStart: boolean;
  /** Sends `text` as UTF-8. Returns the number of bytes dropped, 0 when all went out. */
  write(text: string): number;
  /** Oldest byte received without error, or null when there is none. Does not wait. */
  tryReadByte(): number | null;
  /** Enables the receive interrupt: the UART's line is raised while there is input to read. */
  enableInputInterrupt(): void;
  /** Disables the receive interrupt; input waits in the UART. */
  disableInputInterrupt(): void;
  /** Acknowledges the receive interrupt after its input was read, so that the line can go low. */
  acknowledgeInput(): void;
}

/**
 * Reads of a status register before the driver gives up. The longest possible wait is one character
 * with a full 256-entry FIFO, 87 µs at 115,200 baud; a read of a device register takes 100 ns or
 * more.
 */
export const POLL_LIMIT = 100_000;

/**
 * Line speed: the clock that feeds the UART's baud generator, in Hz, and the speed in baud. Frames
 * are 8 data bits, no parity, 1 stop bit.
 */
export interface LineSpeed {
  readonly clockHz: number;
  readonly baud: number;
}

/**
 * Divisor `clockHz / (16 baud)` in units of 1 / `steps`, rounded to the nearest.
 * @throws RangeError when the speed is not positive or the clock too slow for it
 */
export function baudDivisor({ clockHz, baud }: LineSpeed, steps: number): number {
  const divisor = Math.floor((clockHz * steps) / (16 * baud) + 0.5);
  if (!(baud > 0) || !(divisor >= steps) || divisor >= 65536 * steps) {
    throw new RangeError(`a clock of ${clockHz} Hz cannot make ${baud} baud`);
  }
  return divisor;
}

/** Base class of the drivers: register access, and the output that all UARTs share. */
export abstract class UartConsole implements Console {
  atLineStart = true;
  private readonly mmio: MmioPort;
  private readonly base: VirtAddr;

  constructor(mmio: MmioPort, base: VirtAddr) {
    this.mmio = mmio;
    this.base = base;
  }

  abstract init(): void;
  abstract tryReadByte(): number | null;
  abstract enableInputInterrupt(): void;
  abstract disableInputInterrupt(): void;
  abstract acknowledgeInput(): void;
  /** Waits for room in the transmit FIFO. Returns false when there was none. */
  protected abstract waitForRoom(): boolean;
  /** Offset of the register that takes a byte to send. */
  protected abstract readonly transmit: number;

  writeByte(byte: number): boolean {
    if (!this.waitForRoom()) return false;
    this.set(this.transmit, byte);
    this.atLineStart = byte === LF;
    return true;
  }

  write(text: string): number {
    let dropped = 0;
    for (const byte of encodeUtf8(text)) {
      if (!this.writeByte(byte)) dropped++;
    }
    return dropped;
  }

  /**
   * Waits until the bits of `mask` in the register at `status` are `wanted`. Returns false when
   * they never were.
   */
  protected wait(status: number, mask: number, wanted: number): boolean {
    for (let polls = 0; polls < POLL_LIMIT; polls++) {
      if ((this.get(status) & mask) === wanted) return true;
    }
    return false;
  }

  protected get(offset: number): number {
    return this.mmio.read32(virtAddr(this.base + BigInt(offset)));
  }

  protected set(offset: number, value: number): void {
    this.mmio.write32(virtAddr(this.base + BigInt(offset)), value);
  }
}
