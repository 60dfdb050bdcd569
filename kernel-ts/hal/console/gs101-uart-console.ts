// SPDX-License-Identifier: GPL-2.0-only
/**
 * Console over the UART of Google's gs101 (Samsung exynos4210 family, 256-entry FIFOs, 32-bit
 * accesses only). Offsets:
 *
 *     0x00 ULCON · 0x04 UCON · 0x08 UFCON · 0x0c UMCON · 0x10 UTRSTAT · 0x14 UERSTAT · 0x18 UFSTAT
 *     0x20 UTXH · 0x24 URXH · 0x28 UBRDIV · 0x2c UFRACVAL · 0x30 UINTP · 0x38 UINTM
 *
 * Specification: no public manual; Linux include/linux/serial_s3c.h and
 * drivers/tty/serial/samsung_tty.c.
 */

import { hex, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MmioPort, ProbePort } from '#kernel-ts/hal/ports.ts';
import { baudDivisor, type LineSpeed, UartConsole } from './console.ts';

const ULCON = 0x00;
const ULCON_8N1 = 3;
const UCON = 0x04;
const UCON_RX_POLLED = 1 << 0;
const UCON_TX_POLLED = 1 << 2;
const UCON_RX_TIMEOUT = 1 << 7; // interrupt for characters that wait below the trigger level
const UFCON = 0x08;
const UFCON_ENABLE_AND_RESET = 7; // FIFO enable, receive reset, transmit reset
const UMCON = 0x0c;
const UTRSTAT = 0x10;
const UTRSTAT_TX_EMPTY = 1 << 2;
const UTRSTAT_RESERVED = 0xffff_0000;
const UTRSTAT_RX_TIMEOUT = 1 << 3; // write 1 to clear
const UERSTAT = 0x14;
// Parity, frame, break. An overrun (bit 0) damages no character that was kept.
const UERSTAT_DAMAGED = 0xe;
const UFSTAT = 0x18;
const UFSTAT_RX = 0x1ff; // count, or full
const UFSTAT_TX = 0x01ff_0000; // count, or full
const UFSTAT_TX_FULL = 1 << 24;
const UTXH = 0x20;
const URXH = 0x24;
const UBRDIV = 0x28;
const UFRACVAL = 0x2c;
const UFRACVAL_STEPS = 16;
const UINTP = 0x30;
const UINTM = 0x38;
const INT_RXD = 1 << 0;
const INT_ALL = 0xf;

const FIFO_DEPTH = 256;

/**
 * Fixed 200 MHz clock of the board's tree ("ext-200m"). The clock that the boot loader leaves the
 * UART on is not published; pass another speed where it is known.
 */
const DEFAULT_SPEED: LineSpeed = { clockHz: 200_000_000, baud: 115_200 };

/**
 * Reason why the device at `base` cannot be this UART, or null. The part has no identification
 * register, so only contradictions are found: no answer, a bit set that must be zero, or a
 * transmitter that is neither empty nor sending.
 */
export function whyNotGs101Uart(probe: ProbePort, base: VirtAddr): string | null {
  const status = probe.read32(virtAddr(base + BigInt(UTRSTAT)));
  const fifo = probe.read32(virtAddr(base + BigInt(UFSTAT)));
  if (status === null || fifo === null) return 'nothing answers at its status registers';
  const possible = (status & UTRSTAT_RESERVED) === 0 && ((status & UTRSTAT_TX_EMPTY) !== 0 || (fifo & UFSTAT_TX) !== 0);
  return possible ? null : `UTRSTAT ${hex(status, 8)} with UFSTAT ${hex(fifo, 8)} cannot be`;
}

/** Console over the gs101 UART whose registers are mapped at `base`. */
export class Gs101UartConsole extends UartConsole {
  protected readonly transmit = UTXH;
  private readonly speed: LineSpeed;

  constructor(mmio: MmioPort, base: VirtAddr, speed: LineSpeed = DEFAULT_SPEED) {
    super(mmio, base);
    this.speed = speed;
  }

  init(): void {
    // The part divides by UBRDIV + UFRACVAL / 16 + 1.
    const divisor = baudDivisor(this.speed, UFRACVAL_STEPS) - UFRACVAL_STEPS;
    // Wait until the firmware's output has left completely.
    this.wait(UTRSTAT, UTRSTAT_TX_EMPTY, UTRSTAT_TX_EMPTY);
    this.set(UINTM, INT_ALL);
    this.set(UCON, 0);
    this.set(ULCON, ULCON_8N1);
    this.set(UMCON, 0);
    this.set(UBRDIV, Math.floor(divisor / UFRACVAL_STEPS));
    this.set(UFRACVAL, divisor % UFRACVAL_STEPS);
    this.set(UFCON, UFCON_ENABLE_AND_RESET);
    this.set(UCON, UCON_RX_POLLED | UCON_TX_POLLED);
    this.set(UINTP, INT_ALL);
  }

  protected waitForRoom(): boolean {
    return this.wait(UFSTAT, UFSTAT_TX_FULL, 0);
  }

  tryReadByte(): number | null {
    for (let tries = 0; tries < FIFO_DEPTH && (this.get(UFSTAT) & UFSTAT_RX) !== 0; tries++) {
      // Errors of the next character: read before the character.
      const damaged = (this.get(UERSTAT) & UERSTAT_DAMAGED) !== 0;
      const byte = this.get(URXH) & 0xff;
      if (!damaged) return byte;
    }
    return null;
  }

  enableInputInterrupt(): void {
    this.set(UCON, UCON_RX_POLLED | UCON_TX_POLLED | UCON_RX_TIMEOUT);
    this.set(UINTM, INT_ALL & ~INT_RXD);
  }

  disableInputInterrupt(): void {
    this.set(UINTM, INT_ALL);
  }

  acknowledgeInput(): void {
    this.set(UTRSTAT, UTRSTAT_RX_TIMEOUT);
    this.set(UINTP, INT_RXD);
  }
}
