// SPDX-License-Identifier: GPL-2.0-only
/**
 * Arm PrimeCell UART (PL011), revision r1p1: 16-entry FIFOs. The console of QEMU's `virt` board.
 *
 * Modelled: every register below, enabling before use, polled and interrupt-driven transmit and
 * receive, receive errors and overrun, loopback, the single interrupt line (UARTINTR). Not
 * modelled: the baud rate in time (see uart-transmitter.ts), IrDA, modem lines (none are wired),
 * DMA requests (the enable bits are stored), the test registers at 0x80.
 *
 *     RIS ──(& IMSC)──► MIS ──(any bit)──► interrupt line, level high
 *
 * Baud rate and word length are registers without effect, as in QEMU's model: the boards' line has
 * no rate, and unmodified U-Boot enables a UART of `virt` whose divisor nobody has set. CR.UARTEN,
 * TXE and RXE do count.
 *
 * Choices where time would matter:
 * - TXRIS is set by every character that leaves, as if the FIFO had drained through its trigger
 *   level at once; ICR clears it.
 * - RTRIS (receive timeout, 32 bit times without input) is set as soon as input pauses with
 *   characters left in the FIFO, and again after a read that leaves some.
 *
 * Accesses of 8, 16 and 32 bits at a register's offset are all accepted; guests use each. Other
 * offsets are unknown registers.
 *
 * Specification: PrimeCell UART (PL011) Technical Reference Manual, Arm DDI 0183, chapter 3.
 */

import type { AccessWidth } from '#emulator/bus/device.ts';
import { identificationByte } from './primecell.ts';
import { Uart, type UartOptions } from './uart.ts';
import { BREAK, NO_ENTRY } from './uart-receiver.ts';

const DR = 0x00; // data; on reads 8 FE, 9 PE, 10 BE, 11 OE
const DR_OE = 1 << 11;

// Receive status of the character read last: 0 FE, 1 PE, 2 BE, 3 OE; a write (ECR) clears it.
const RSR = 0x04;
const RSR_OE = 1 << 3;

const FR = 0x18; // flags; CTS, DSR, DCD, RI read 0, BUSY (3) and TXFF (5) never stick
const FR_RXFE = 1 << 4;
const FR_RXFF = 1 << 6;
const FR_TXFE = 1 << 7;

const ILPR = 0x20; // IrDA low-power counter, 8 bits
const IBRD = 0x24; // integer part of the divisor, 16 bits
const FBRD = 0x28; // 64ths of the divisor, 6 bits

const LCR_H = 0x2c; // line control, 8 bits
const LCR_H_BRK = 1 << 0;
const LCR_H_FEN = 1 << 4;

export const PL011_CR = 0x30; // control, 16 bits
const CR_UARTEN = 1 << 0;
const CR_LBE = 1 << 7;
const CR_TXE = 1 << 8;
const CR_RXE = 1 << 9;
/** CR with UART, transmitter and receiver enabled. */
export const PL011_ENABLED = CR_UARTEN | CR_TXE | CR_RXE;

const IFLS = 0x34; // FIFO trigger levels: 2:0 transmit, 5:3 receive
const IFLS_RX_SHIFT = 3;

const IMSC = 0x38; // interrupt mask, 1 = enabled
const RIS = 0x3c;
const MIS = 0x40;
const ICR = 0x44; // write 1 to clear
const INT_RX = 1 << 4;
const INT_TX = 1 << 5;
const INT_RT = 1 << 6;
const INT_ERROR_SHIFT = 1; // FE, PE, BE are bits 7, 8, 9: one below their place in DR
const INT_OE = 1 << 10;
const INT_ALL = 0x7ff;

const DMACR = 0x48; // 3 bits

/** Part 0x011, designer 0x41 (Arm), revision 1. */
const PERIPHERAL_ID = [0x11, 0x10, 0x14, 0x00] as const;

const CR_RESET = CR_TXE | CR_RXE;
const IFLS_RESET = 0x12; // both levels one half

const FIFO_DEPTH = 16;
/**
 * Receive trigger levels in entries: 1/8, 1/4, 1/2, 3/4, 7/8 of the FIFO; reserved values act as
 * the last one.
 */
const RX_TRIGGER = [2, 4, 8, 12, 14, 14, 14, 14] as const;

/** Reset values of storage registers and of the receiver's conditions. */
const AT_RESET = {
  cr: CR_RESET,
  lcrH: 0,
  ibrd: 0,
  fbrd: 0,
  ilpr: 0,
  ifls: IFLS_RESET,
  dmacr: 0,
  imsc: 0,
  ris: 0,
  rsr: 0,
  overrun: false,
};

/** PL011. Its registers take 4 KiB. */
export class Pl011 extends Uart<typeof AT_RESET> {
  readonly model = 'PL011';

  constructor(options: UartOptions) {
    super(options, FIFO_DEPTH, AT_RESET);
  }

  read(offset: number, width: AccessWidth): number {
    switch (offset) {
      case DR:
        return this.readData();
      case RSR:
        return this.registers.rsr;
      case FR:
        return this.flags();
      case ILPR:
        return this.registers.ilpr;
      case IBRD:
        return this.registers.ibrd;
      case FBRD:
        return this.registers.fbrd;
      case LCR_H:
        return this.registers.lcrH;
      case PL011_CR:
        return this.registers.cr;
      case IFLS:
        return this.registers.ifls;
      case IMSC:
        return this.registers.imsc;
      case RIS:
        return this.registers.ris;
      case MIS:
        return this.registers.ris & this.registers.imsc;
      case ICR:
        return 0;
      case DMACR:
        return this.registers.dmacr;
      default: {
        const id = identificationByte(PERIPHERAL_ID, offset);
        if (id === null) this.unknown.report('read', offset, width, 0);
        return id ?? 0;
      }
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    switch (offset) {
      case DR:
        this.transmit(value & 0xff);
        break;
      case RSR:
        this.registers.rsr = 0;
        break;
      case ILPR:
        this.registers.ilpr = value & 0xff;
        break;
      case IBRD:
        this.registers.ibrd = value & 0xffff;
        break;
      case FBRD:
        this.registers.fbrd = value & 0x3f;
        break;
      case LCR_H:
        this.writeLineControl(value & 0xff);
        break;
      case PL011_CR:
        this.registers.cr = value & 0xffff;
        this.refill();
        break;
      case IFLS:
        this.registers.ifls = value & 0x3f;
        break;
      case IMSC:
        this.registers.imsc = value & INT_ALL;
        break;
      case ICR:
        this.registers.ris &= ~value;
        break;
      case DMACR:
        this.registers.dmacr = value & 7;
        break;
      case FR:
      case RIS:
      case MIS:
        break; // read-only
      default:
        if (identificationByte(PERIPHERAL_ID, offset) === null) {
          this.unknown.report('write', offset, width, value);
        }
    }
    this.updateLine();
  }

  private transmit(byte: number): void {
    const missing = this.missingForTransmit();
    if (missing !== null) {
      this.transmitter.discard(byte, missing);
      return;
    }
    this.pollsWhileEmpty = 0;
    this.transmitter.send(byte);
    this.registers.ris |= INT_TX;
    if ((this.registers.cr & CR_LBE) !== 0 && this.receives()) this.store(byte);
  }

  /** Name of the enable bit that prevents a character from being sent, or null. */
  private missingForTransmit(): string | null {
    if ((this.registers.cr & CR_UARTEN) === 0) return 'CR.UARTEN';
    if ((this.registers.cr & CR_TXE) === 0) return 'CR.TXE';
    return null;
  }

  protected receives(): boolean {
    return (this.registers.cr & CR_UARTEN) !== 0 && (this.registers.cr & CR_RXE) !== 0;
  }

  private writeLineControl(value: number): void {
    const changed = value ^ this.registers.lcrH;
    this.registers.lcrH = value;
    if ((changed & LCR_H_FEN) !== 0) {
      this.receiver.restart((value & LCR_H_FEN) !== 0 ? FIFO_DEPTH : 1);
      this.registers.ris &= ~(INT_RX | INT_RT);
      this.registers.overrun = false;
    }
    if ((changed & value & LCR_H_BRK) !== 0 && (this.registers.cr & CR_LBE) !== 0 && this.receives()) {
      this.store(BREAK);
    }
    this.refill();
  }

  private flags(): number {
    let flags = FR_TXFE;
    if (this.receiver.count === 0) {
      flags |= FR_RXFE;
      this.pollsWhileEmpty++;
    }
    if (this.receiver.isFull) flags |= FR_RXFF;
    return flags;
  }

  /** Oldest character with its errors, or 0 when there is none. */
  private readData(): number {
    this.pollsWhileEmpty = 0;
    const entry = this.receiver.pop();
    if (entry === NO_ENTRY) return 0;
    const data = entry | (this.registers.overrun ? DR_OE : 0);
    this.registers.rsr = data >>> 8;
    if (this.receiver.count < this.rxTrigger()) this.registers.ris &= ~INT_RX;
    this.refill();
    this.updateTimeout();
    this.updateLine();
    return data;
  }

  private rxTrigger(): number {
    return (this.registers.lcrH & LCR_H_FEN) === 0 ? 1 : (RX_TRIGGER[this.registers.ifls >>> IFLS_RX_SHIFT] as number);
  }

  protected noteOverrun(): void {
    this.registers.overrun = true;
    this.registers.rsr |= RSR_OE;
    this.registers.ris |= INT_OE;
  }

  protected noteArrival(errors: number): void {
    this.registers.overrun = false;
    this.registers.ris |= errors >>> INT_ERROR_SHIFT;
    if (this.receiver.count >= this.rxTrigger()) this.registers.ris |= INT_RX;
    this.updateTimeout();
  }

  private updateTimeout(): void {
    if (this.receiver.count === 0) {
      this.registers.ris &= ~INT_RT;
    } else if (this.receiver.queued === 0 && (this.registers.lcrH & LCR_H_FEN) !== 0) {
      this.registers.ris |= INT_RT;
    }
  }

  protected lineLevel(): boolean {
    return (this.registers.ris & this.registers.imsc) !== 0;
  }
}
