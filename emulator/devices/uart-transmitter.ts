// SPDX-License-Identifier: GPL-2.0-only
/**
 * Transmitter shared by the UART models: a character reaches the line at the moment of the guest's
 * write, or it is lost and an event says why.
 *
 * Characters take no simulated time: the delay of 115,200 baud would slow every guest that polls,
 * without any benefit. So the transmit FIFO of the models is always empty, and "busy" and "full"
 * are never set.
 */

import { hex } from '#common/address.ts';
import type { DeviceContext } from '#emulator/bus/device.ts';
import type { TransmitListener } from './serial-device.ts';

/**
 * Emits `uart` events, each once until the next reset:
 * - what "lost": the first character that was sent while `register` was not programmed
 * - what "resumed": the first character that got through afterwards, with the number lost
 * - what "truncated": the first character that the word length in `register` cut
 */
export class UartTransmitter {
  private readonly device: string;
  private readonly context: DeviceContext;
  private readonly onTransmit: TransmitListener;
  private lostCharacters = 0;
  private lostBeforeResume = 0;
  private truncationTold = false;

  constructor(device: string, context: DeviceContext, onTransmit: TransmitListener) {
    this.device = device;
    this.context = context;
    this.onTransmit = onTransmit;
  }

  /** Number of characters lost since the machine was made. */
  get lost(): number {
    return this.lostCharacters;
  }

  /** Allows the next loss and the next truncation to be reported again. */
  reset(): void {
    this.lostBeforeResume = 0;
    this.truncationTold = false;
  }

  saveState() {
    return {
      lost: this.lostCharacters,
      lostBeforeResume: this.lostBeforeResume,
      truncationTold: this.truncationTold,
    };
  }

  restoreState(state: ReturnType<UartTransmitter['saveState']>): void {
    this.lostCharacters = state.lost;
    this.lostBeforeResume = state.lostBeforeResume;
    this.truncationTold = state.truncationTold;
  }

  /**
   * Sends the low `dataBits` (5 to 8) of `byte`, and returns the value that reached the line.
   * `register` is the register that sets a shorter word length.
   */
  send(byte: number, dataBits = 8, register = ''): number {
    if (this.lostBeforeResume > 0) {
      this.context.emit('uart', { device: this.device, what: 'resumed', lost: this.lostBeforeResume });
      this.lostBeforeResume = 0;
    }
    const sent = byte & ((1 << dataBits) - 1);
    if (sent !== byte && !this.truncationTold) {
      this.truncationTold = true;
      this.context.emit('uart', { device: this.device, what: 'truncated', register, dataBits, byte: hex(byte, 2) });
    }
    this.onTransmit(sent);
    return sent;
  }

  /** Counts a character that was sent while `register` ("CR.UARTEN") did not enable it. */
  discard(byte: number, register: string): void {
    this.lostCharacters++;
    this.lostBeforeResume++;
    if (this.lostBeforeResume === 1) {
      this.context.emit('uart', { device: this.device, what: 'lost', register, byte: hex(byte, 2) });
    }
  }
}
