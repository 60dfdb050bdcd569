// SPDX-License-Identifier: GPL-2.0-only
/**
 * Console over an Arm PL011. Offsets from its base:
 *
 *     0x00 DR · 0x04 RSR/ECR · 0x18 FR · 0x24 IBRD · 0x28 FBRD · 0x2c LCR_H · 0x30 CR · 0x38 IMSC · 0x44 ICR
 *     0xfe0 UARTPeriphID0 … 3 · 0xff0 UARTPCellID0 … 3
 *
 * Specification: PrimeCell UART (PL011) Technical Reference Manual, Arm DDI 0183, 3.3; order of
 * programming in 3.3.8, identification in 3.3.15 and 3.3.16.
 */

import { hex, type VirtAddr, virtAddr } from '#common/address.ts';
import type { MmioPort, ProbePort } from '#kernel-ts/hal/ports.ts';
import { baudDivisor, type LineSpeed, UartConsole } from './console.ts';

const DR = 0x00;
// Framing (8), parity (9), break (10). An overrun (11) damages no character that was kept.
const DR_ERRORS = 0x700;
const FR = 0x18;
const FR_BUSY = 1 << 3;
const FR_RXFE = 1 << 4;
const FR_TXFF = 1 << 5;
const IBRD = 0x24;
const FBRD = 0x28;
const FBRD_STEPS = 64;
const LCR_H = 0x2c;
const LCR_H_FEN = 1 << 4;
const LCR_H_8_BITS = 3 << 5;
const CR = 0x30;
const CR_UARTEN = 1 << 0;
const CR_TXE = 1 << 8;
const CR_RXE = 1 << 9;
const IMSC = 0x38;
const INT_RX = 1 << 4;
const INT_RT = 1 << 6; // characters wait below the trigger level, and nothing follows
const ICR = 0x44;
const ICR_ALL = 0x7ff;

const PERIPH_ID0 = 0xfe0; // part number, bits 7:0
const PERIPH_ID1 = 0xfe4; // part number, bits 11:8, in 3:0
const PART_NUMBER = 0x011;
const PCELL_ID0 = 0xff0;
const PRIMECELL = 0xb105_f00d; // PCellID3 … 0, a byte of each

const FIFO_DEPTH = 32; // of the deepest revision

/** Fixed 24 MHz clock of the PL011 on QEMU's `virt` board. */
const DEFAULT_SPEED: LineSpeed = { clockHz: 24_000_000, baud: 115_200 };

/** Reason why `base` is no PL011, by its PrimeCell identification; null when it is one. */
export function whyNotPl011(probe: ProbePort, base: VirtAddr): string | null {
  const byte = (offset: number): number | null => {
    const value = probe.read32(virtAddr(base + BigInt(offset)));
    return value === null ? null : value & 0xff;
  };
  let cell = 0;
  for (let i = 3; i >= 0; i--) {
    const part = byte(PCELL_ID0 + 4 * i);
    if (part === null) return 'nothing answers at its identification registers';
    cell = cell * 0x100 + part;
  }
  if (cell !== PRIMECELL) return `its identification is ${hex(cell, 8)}, a PrimeCell's ${hex(PRIMECELL, 8)}`;
  const [low, high] = [byte(PERIPH_ID0), byte(PERIPH_ID1)];
  if (low === null || high === null) return 'nothing answers at its identification registers';
  const part = ((high & 0xf) << 8) | low;
  return part === PART_NUMBER ? null : `its part number is ${hex(part, 3)}, a PL011's ${hex(PART_NUMBER, 3)}`;
}

/** Console over the PL011 whose registers are mapped at `base`. */
export class Pl011Console extends UartConsole {
  protected readonly transmit = DR;
  private readonly speed: LineSpeed;

  constructor(mmio: MmioPort, base: VirtAddr, speed: LineSpeed = DEFAULT_SPEED) {
    super(mmio, base);
    this.speed = speed;
  }

  init(): void {
    const divisor = baudDivisor(this.speed, FBRD_STEPS);
    this.wait(FR, FR_BUSY, 0); // wait until the firmware's output has left
    this.set(CR, 0);
    this.set(LCR_H, 0); // empties the FIFOs
    this.set(IMSC, 0);
    this.set(ICR, ICR_ALL);
    this.set(IBRD, Math.floor(divisor / FBRD_STEPS));
    this.set(FBRD, divisor % FBRD_STEPS);
    this.set(LCR_H, LCR_H_8_BITS | LCR_H_FEN); // written after the divisor, which it latches
    this.set(CR, CR_UARTEN | CR_TXE | CR_RXE);
  }

  protected waitForRoom(): boolean {
    return this.wait(FR, FR_TXFF, 0);
  }

  tryReadByte(): number | null {
    for (let tries = 0; tries < FIFO_DEPTH && (this.get(FR) & FR_RXFE) === 0; tries++) {
      const data = this.get(DR);
      if ((data & DR_ERRORS) === 0) return data & 0xff;
    }
    return null;
  }

  enableInputInterrupt(): void {
    this.set(IMSC, INT_RX | INT_RT);
  }

  disableInputInterrupt(): void {
    this.set(IMSC, 0);
  }

  acknowledgeInput(): void {
    // Reading the FIFO empty cleared both interrupts; check again for input that came since.
    if ((this.get(FR) & FR_RXFE) !== 0) this.set(ICR, INT_RX | INT_RT);
  }
}
