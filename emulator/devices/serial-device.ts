// SPDX-License-Identifier: GPL-2.0-only
/** What a UART offers to the host side of the machine, beside being a device on the bus. */

import type { Device } from '#emulator/bus/device.ts';

/** Called with each byte that leaves the UART on the line, at the moment of the guest's write. */
export type TransmitListener = (byte: number) => void;

/**
 * A UART. Input waits on the host's side of the line, without limit, until the guest has enabled
 * its receiver and there is room in its FIFO: a pasted text arrives whole, whatever the guest's
 * speed. Only {@link shiftIn} can overrun the FIFO.
 */
export interface SerialDevice extends Device {
  /** Queues `bytes` (copied) for the guest. */
  receive(bytes: Uint8Array): void;
  /** Queues a break condition behind the bytes that wait. */
  receiveBreak(): void;
  /**
   * A character on the line right now, past the queue, as from a sender that does not wait: lost
   * when the receiver is disabled, an overrun when the FIFO is full. `errors` is any of
   * FRAMING_ERROR, PARITY_ERROR, BREAK (see uart-receiver.ts) together.
   */
  shiftIn(byte: number, errors?: number): void;
  /** Bytes of input that have not reached the FIFO yet. */
  readonly waitingInput: number;
  /** Polls of the guest that found no input, since it last sent or took a character. */
  readonly emptyPolls: number;
  /** Characters the guest sent that never reached the line, since the machine was made. */
  readonly lostCharacters: number;
}

/** True when `device` is a UART. */
export function isSerialDevice(device: Device): device is SerialDevice {
  return 'receive' in device && 'shiftIn' in device;
}
