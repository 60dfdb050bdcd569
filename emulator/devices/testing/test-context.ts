// SPDX-License-Identifier: GPL-2.0-only
/**
 * A machine around one device, for the tests of this folder: keeps what the device reports and how
 * it drives its interrupt line.
 */

import type { DeviceContext } from '#emulator/bus/device.ts';
import type { DeviceEventKind, MachineEvents } from '#emulator/events/machine-events.ts';

/** Records. */
export class RecordingContext implements DeviceContext {
  readonly events: { readonly kind: string; readonly [field: string]: unknown }[] = [];
  /** The level of the interrupt line. */
  irq = false;
  /** Each change of the line, in order. */
  readonly irqChanges: boolean[] = [];
  readonly sent: number[] = [];

  nowNs(): number {
    return 0;
  }

  emit<K extends DeviceEventKind>(kind: K, fields: MachineEvents[K]): void {
    this.events.push({ kind, ...fields });
  }

  setIrq(level: boolean): void {
    this.irq = level;
    this.irqChanges.push(level);
  }

  /** What the device sent, as Latin-1 text. */
  get text(): string {
    return String.fromCharCode(...this.sent);
  }
}

/** `text` as bytes, for input; characters below 0x100. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
