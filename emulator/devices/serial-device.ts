// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interface of a UART to the host side of the machine, in addition to that of a device on the bus.
 */

import type { Device } from '#emulator/bus/device.ts';

/** Called with each byte that leaves the UART on the line, at the moment of the guest's write. */
export type TransmitListener = (byte: number) => void;

/**
 * UART. Input waits on the host's side of the line, without limit, until the guest has enabled its
 * receiver and the FIFO has room: pasted text arrives complete, whatever the guest's speed. Only
 * {@link shiftIn} can overrun the FIFO.
 */
export interface SerialDevice extends Device {
  /** Queues `bytes` (copied) for the guest. */
  receive(bytes: Uint8Array): void;
  /** Queues a break condition after the waiting bytes. */
  receiveBreak(): void;
  /**
   * Delivers a character at once, bypassing the queue, as from a sender that does not wait: it is
   * lost when the receiver is disabled, and an overrun when the FIFO is full. `errors` is any of
   * FRAMING_ERROR, PARITY_ERROR, BREAK (see uart-receiver.ts) together.
   */
  shiftIn(byte: number, errors?: number): void;
  /** Number of input bytes that have not reached the FIFO yet. */
  readonly waitingInput: number;
  /** Number of polls that found no input since the guest last sent or read a character. */
  readonly emptyPolls: number;
  /**
   * Number of characters that the guest sent but that never reached the line, since the machine was
   * made.
   */
  readonly lostCharacters: number;
}

/** True when `device` is a UART. */
export function isSerialDevice(device: Device): device is SerialDevice {
  return 'receive' in device && 'shiftIn' in device;
}
