// SPDX-License-Identifier: GPL-2.0-only
/**
 * UART of Google's gs101 (Tensor), console of the Pixel 6: Samsung's exynos4210 family with
 * 256-entry FIFOs.
 *
 *     0x10a0_0000 ┌────────────┐
 *                 │ UART0      │ 0xc0 bytes: this model
 *     0x10a0_00c0 ├────────────┤
 *                 │ USI block  │ another device in the same page (USI_CON +0xc4, USI_OPTION +0xc8)
 *     0x10a0_00e0 └────────────┘
 *
 *     raw conditions ──latch──► UINTSP ──(& ~UINTM)──► UINTP ──(any bit)──► interrupt line, level high
 *                                  ▲ write 1 to UINTP or UINTSP clears; a condition that still holds latches again
 *
 * Modelled: every register below, programming before use, polled and interrupt-driven transmit and
 * receive, receive errors and overrun, loopback. Not modelled: the baud rate in time (see
 * uart-transmitter.ts), IrDA, modem lines (none are wired), DMA (its modes send and receive as the
 * polled mode does).
 *
 * The block answers 32-bit accesses only. A narrower one is an external abort, as on the part:
 * Linux' plain `earlycon=exynos4210,0x10A00000` uses bytes and dies there,
 * `earlycon=exynos4210,mmio32,0x10A00000` works.
 *
 * Reset leaves the modes of UCON at 0: a character sent before software has programmed UCON is
 * lost. Word length after reset is 5 bits.
 *
 * Choice where time would matter: the receive timeout occurs whenever input pauses with characters
 * left in the FIFO.
 *
 * Specification: no public manual. Linux drivers/tty/serial/samsung_tty.c and
 * include/linux/serial_s3c.h; Samsung Exynos 4 Dual user's manual, UART chapter, for trigger
 * levels, the count field of a full FIFO and the error register that clears on read.
 */

import { type AccessWidth, BusAbort } from '#emulator/bus/device.ts';
import { Uart, type UartOptions } from './uart.ts';
import { BREAK, FRAMING_ERROR, NO_ENTRY, PARITY_ERROR } from './uart-receiver.ts';

// Line control: 1:0 word length (0..3: 5..8 bits), 2 stop, 5:3 parity, 6 infrared.
const ULCON = 0x00;
const ULCON_WORD_LENGTH = 3;

const UCON = 0x04; // control
const UCON_RX_MODE = 3 << 0; // 0 disabled, 1 interrupt or polling, 2 DMA
const UCON_TX_MODE = 3 << 2;
const UCON_LOOPBACK = 1 << 5;
const UCON_RX_ERROR_INT = 1 << 6;
const UCON_RX_TIMEOUT = 1 << 7;

// FIFO control: 0 enable, 1 receive reset, 2 transmit reset (both clear themselves), 6:4 and 10:8
// triggers.
const UFCON = 0x08;
const UFCON_ENABLE = 1 << 0;
const UFCON_RX_RESET = 1 << 1;
const UFCON_TX_RESET = 1 << 2;
const UFCON_RX_TRIGGER_SHIFT = 4;

const UMCON = 0x0c; // modem control

const UTRSTAT = 0x10; // status
const UTRSTAT_RX_READY = 1 << 0;
const UTRSTAT_TX_IDLE = (1 << 1) | (1 << 2); // buffer empty, transmitter empty: always
const UTRSTAT_RX_TIMEOUT = 1 << 3; // write 1 to clear

const UERSTAT = 0x14; // errors of the next character; a read clears it
const UERSTAT_OVERRUN = 1 << 0;
const UERSTAT_PARITY = 1 << 1;
const UERSTAT_FRAME = 1 << 2;
const UERSTAT_BREAK = 1 << 3;

// 7:0 receive count (0 when full), 8 receive full; transmit count and full are always 0.
const UFSTAT = 0x18;
const UFSTAT_RX_FULL = 1 << 8;

const UMSTAT = 0x1c; // 0 CTS: not asserted
const UTXH = 0x20; // transmit, write-only
const URXH = 0x24; // receive, read-only
const UBRDIV = 0x28; // divisor, 16 bits; 0 divides by one, so it needs no programming to work
const UFRACVAL = 0x2c; // fraction of the divisor, in 16ths

const UINTP = 0x30; // pending
const UINTSP = 0x34; // raw
const UINTM = 0x38; // 1 = masked
const INT_RXD = 1 << 0;
const INT_ERROR = 1 << 1;
const INT_TXD = 1 << 2;
const INT_ALL = 0xf; // 3 is the modem's

const FIFO_DEPTH = 256;
/** Receive trigger level n means (n + 1) eighths of the FIFO. */
const RX_TRIGGER_STEP = FIFO_DEPTH / 8;

/** Reset values of storage registers and of the receiver's conditions. */
const AT_RESET = {
  ulcon: 0,
  ucon: 0,
  ufcon: 0,
  umcon: 0,
  ubrdiv: 0,
  ufracval: 0,
  uintsp: 0,
  uintm: 0,
  overrun: false,
  timeout: false,
};

/** gs101 UART. Its registers take 0xc0 bytes. */
export class Gs101Uart extends Uart<typeof AT_RESET> {
  readonly model = 'gs101-uart';

  constructor(options: UartOptions) {
    super(options, FIFO_DEPTH, AT_RESET);
  }

  /** @throws BusAbort for a width other than 32 bits */
  read(offset: number, width: AccessWidth): number {
    requireWord(width);
    switch (offset) {
      case ULCON:
        return this.registers.ulcon;
      case UCON:
        return this.registers.ucon;
      case UFCON:
        return this.registers.ufcon;
      case UMCON:
        return this.registers.umcon;
      case UTRSTAT:
        this.notePoll();
        return (
          UTRSTAT_TX_IDLE |
          (this.receiver.count > 0 ? UTRSTAT_RX_READY : 0) |
          (this.registers.timeout ? UTRSTAT_RX_TIMEOUT : 0)
        );
      case UERSTAT:
        return this.takeErrors();
      case UFSTAT:
        this.notePoll();
        return this.fifoStatus();
      case UMSTAT:
      case UTXH:
        return 0;
      case URXH:
        return this.readData();
      case UBRDIV:
        return this.registers.ubrdiv;
      case UFRACVAL:
        return this.registers.ufracval;
      case UINTP:
        return this.registers.uintsp & ~this.registers.uintm;
      case UINTSP:
        return this.registers.uintsp;
      case UINTM:
        return this.registers.uintm;
      default:
        this.unknown.report('read', offset, width, 0);
        return 0;
    }
  }

  /** @throws BusAbort for a width other than 32 bits */
  write(offset: number, width: AccessWidth, value: number): void {
    requireWord(width);
    switch (offset) {
      case ULCON:
        this.registers.ulcon = value & 0x7f;
        break;
      case UCON:
        this.registers.ucon = value >>> 0;
        break;
      case UFCON:
        this.writeFifoControl(value);
        break;
      case UMCON:
        this.registers.umcon = value & 0xff;
        break;
      case UTRSTAT:
        this.registers.timeout = this.registers.timeout && (value & UTRSTAT_RX_TIMEOUT) === 0;
        break;
      case UTXH:
        this.transmit(value & 0xff);
        break;
      case UBRDIV:
        this.registers.ubrdiv = value & 0xffff;
        break;
      case UFRACVAL:
        this.registers.ufracval = value & 0xf;
        break;
      case UINTP:
      case UINTSP:
        this.registers.uintsp &= ~value;
        break;
      case UINTM:
        this.registers.uintm = value & INT_ALL;
        break;
      case UERSTAT:
      case UFSTAT:
      case UMSTAT:
      case URXH:
        break; // read-only
      default:
        this.unknown.report('write', offset, width, value);
    }
    this.refill();
    this.updateLine();
  }

  private transmit(byte: number): void {
    if ((this.registers.ucon & UCON_TX_MODE) === 0) {
      this.transmitter.discard(byte, 'UCON');
      return;
    }
    this.pollsWhileEmpty = 0;
    const sent = this.transmitter.send(byte, 5 + (this.registers.ulcon & ULCON_WORD_LENGTH), 'ULCON');
    if ((this.registers.ucon & UCON_LOOPBACK) !== 0 && this.receives()) this.store(sent);
  }

  private writeFifoControl(value: number): void {
    const wasEnabled = (this.registers.ufcon & UFCON_ENABLE) !== 0;
    const enabled = (value & UFCON_ENABLE) !== 0;
    this.registers.ufcon = value & 0x7ff & ~(UFCON_RX_RESET | UFCON_TX_RESET);
    if (enabled !== wasEnabled || (value & UFCON_RX_RESET) !== 0) {
      this.receiver.restart(enabled ? FIFO_DEPTH : 1);
      this.registers.overrun = false;
    }
  }

  /** Value of UERSTAT for the next character, with the overrun; reading clears it. */
  private takeErrors(): number {
    const entry = this.receiver.head();
    const errors = entry === NO_ENTRY ? 0 : entry;
    const status =
      (this.registers.overrun ? UERSTAT_OVERRUN : 0) |
      ((errors & PARITY_ERROR) === 0 ? 0 : UERSTAT_PARITY) |
      ((errors & FRAMING_ERROR) === 0 ? 0 : UERSTAT_FRAME) |
      ((errors & BREAK) === 0 ? 0 : UERSTAT_BREAK);
    this.registers.overrun = false;
    this.receiver.clearHeadErrors();
    return status;
  }

  private notePoll(): void {
    if (this.receiver.count === 0) this.pollsWhileEmpty++;
  }

  private fifoStatus(): number {
    if ((this.registers.ufcon & UFCON_ENABLE) === 0) return 0;
    return this.receiver.isFull ? UFSTAT_RX_FULL : this.receiver.count;
  }

  /** Oldest character, or 0 when there is none. */
  private readData(): number {
    this.pollsWhileEmpty = 0;
    const entry = this.receiver.pop();
    if (entry === NO_ENTRY) return 0;
    this.refill();
    this.noteTimeout();
    this.updateLine();
    return entry & 0xff;
  }

  protected receives(): boolean {
    return (this.registers.ucon & UCON_RX_MODE) !== 0;
  }

  protected noteOverrun(): void {
    this.registers.overrun = true;
    this.noteError();
  }

  protected noteArrival(errors: number): void {
    if (errors !== 0) this.noteError();
    this.noteTimeout();
  }

  private noteError(): void {
    if ((this.registers.ucon & UCON_RX_ERROR_INT) !== 0) this.registers.uintsp |= INT_ERROR;
  }

  private noteTimeout(): void {
    if (this.inputPauses()) this.registers.timeout = true;
  }

  /**
   * True when the receive timeout occurs: an enabled FIFO holds characters, and no input follows.
   */
  private inputPauses(): boolean {
    return (
      (this.registers.ufcon & UFCON_ENABLE) !== 0 &&
      (this.registers.ucon & UCON_RX_TIMEOUT) !== 0 &&
      this.receiver.count > 0 &&
      this.receiver.queued === 0
    );
  }

  /** Level-sensitive interrupt conditions. The transmit FIFO is always at or below its trigger. */
  private conditions(): number {
    let conditions = (this.registers.ucon & UCON_TX_MODE) === 0 ? 0 : INT_TXD;
    const trigger =
      (this.registers.ufcon & UFCON_ENABLE) === 0
        ? 1
        : (((this.registers.ufcon >>> UFCON_RX_TRIGGER_SHIFT) & 7) + 1) * RX_TRIGGER_STEP;
    if (this.receives() && (this.receiver.count >= trigger || this.inputPauses())) conditions |= INT_RXD;
    return conditions;
  }

  protected lineLevel(): boolean {
    this.registers.uintsp |= this.conditions();
    return (this.registers.uintsp & ~this.registers.uintm) !== 0;
  }
}

function requireWord(width: AccessWidth): void {
  if (width !== 4) {
    throw new BusAbort(`the gs101 UART answers 32-bit accesses only, not ${8 * width}-bit ones`);
  }
}
