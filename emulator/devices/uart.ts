// SPDX-License-Identifier: GPL-2.0-only
/**
 * Common part of the UART models: the path of a character from the host's queue to the FIFO and
 * from the guest to the line, the interrupt line, reset and saved state. A model adds the
 * registers. They say when it receives, what an arrival sets, and when its interrupt line is up.
 */

import type { AccessWidth, DeviceContext } from '#emulator/bus/device.ts';
import type { SavedState } from '#emulator/bus/saved-state.ts';
import type { SerialDevice, TransmitListener } from './serial-device.ts';
import { BREAK, CHARACTER_ERRORS, NO_ENTRY, UartReceiver } from './uart-receiver.ts';
import { UartTransmitter } from './uart-transmitter.ts';
import { UnknownRegisters } from './unknown-registers.ts';

/** Options of a UART model. */
export interface UartOptions {
  /** Node name of the device, for events: "pl011@9000000". */
  readonly name: string;
  readonly context: DeviceContext;
  readonly onTransmit: TransmitListener;
}

/** Values of storage registers and of the receiver's conditions. */
type Registers = Record<string, number | boolean>;

export abstract class Uart<R extends Registers> implements SerialDevice {
  abstract readonly model: string;
  protected registers: R;
  protected readonly transmitter: UartTransmitter;
  protected readonly receiver: UartReceiver;
  protected readonly unknown: UnknownRegisters;
  protected pollsWhileEmpty = 0;
  private readonly context: DeviceContext;
  private readonly atReset: R;
  private line = false;

  /** @param fifoDepth characters of the receive FIFO @param atReset reset values */
  constructor({ name, context, onTransmit }: UartOptions, fifoDepth: number, atReset: R) {
    this.context = context;
    this.receiver = new UartReceiver(fifoDepth);
    this.transmitter = new UartTransmitter(name, context, onTransmit);
    this.unknown = new UnknownRegisters(name, context);
    this.atReset = atReset;
    this.registers = { ...atReset };
  }

  abstract read(offset: number, width: AccessWidth): number;
  abstract write(offset: number, width: AccessWidth, value: number): void;
  /** True when the receiver is enabled. */
  protected abstract receives(): boolean;
  /** Characters have arrived in the FIFO, with `errors` among them. */
  protected abstract noteArrival(errors: number): void;
  /** A character was lost, because the FIFO was full. */
  protected abstract noteOverrun(): void;
  /** Level of the interrupt line, by the conditions as they are now. */
  protected abstract lineLevel(): boolean;

  get waitingInput(): number {
    return this.receiver.queued;
  }

  get emptyPolls(): number {
    return this.pollsWhileEmpty;
  }

  get lostCharacters(): number {
    return this.transmitter.lost;
  }

  reset(): void {
    this.registers = { ...this.atReset };
    this.receiver.restart(1);
    this.transmitter.reset();
    this.updateLine();
  }

  saveState(): SavedState {
    return {
      ...this.registers,
      line: this.line,
      receiver: this.receiver.saveState(),
      transmitter: this.transmitter.saveState(),
      unknown: this.unknown.saveState(),
    };
  }

  restoreState(state: SavedState): void {
    const { line, receiver, transmitter, unknown, ...registers } = state as R & ConnectedState;
    this.registers = registers as unknown as R;
    this.line = line;
    this.receiver.restoreState(receiver);
    this.transmitter.restoreState(transmitter);
    this.unknown.restoreState(unknown);
  }

  receive(bytes: Uint8Array): void {
    this.receiver.enqueue(bytes);
    this.refill();
    this.updateLine();
  }

  receiveBreak(): void {
    this.receiver.enqueue([BREAK]);
    this.refill();
    this.updateLine();
  }

  shiftIn(byte: number, errors = 0): void {
    if (this.receives()) {
      this.store((byte & 0xff) | errors);
      this.updateLine();
    }
  }

  /** Moves characters from the host's queue to the FIFO, as many as fit. */
  protected refill(): void {
    if (!this.receives()) return;
    const errors = this.receiver.refill();
    if (errors !== NO_ENTRY) this.noteArrival(errors);
  }

  /** Stores a character that arrives on the line. */
  protected store(entry: number): void {
    if (this.receiver.store(entry)) this.noteArrival(entry & CHARACTER_ERRORS);
    else this.noteOverrun();
  }

  protected updateLine(): void {
    const level = this.lineLevel();
    if (level !== this.line) {
      this.line = level;
      this.context.setIrq(level);
    }
  }
}

/** Saved state beside the registers. */
interface ConnectedState {
  readonly line: boolean;
  readonly receiver: ReturnType<UartReceiver['saveState']>;
  readonly transmitter: ReturnType<UartTransmitter['saveState']>;
  readonly unknown: ReturnType<UnknownRegisters['saveState']>;
}
