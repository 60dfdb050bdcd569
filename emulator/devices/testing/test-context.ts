// SPDX-License-Identifier: GPL-2.0-only
/**
 * Context of one device for the tests of this folder: records its events and the changes of its
 * interrupt line.
 */

import type { DeviceContext } from '#emulator/bus/device.ts';
import type { DeviceEventKind, MachineEvents } from '#emulator/events/machine-events.ts';

/** Context that records. */
export class RecordingContext implements DeviceContext {
  readonly events: { readonly kind: string; readonly [field: string]: unknown }[] = [];
  /** Level of the interrupt line. */
  irq = false;
  /** Changes of the line, in order. */
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

  /** Output of the device as Latin-1 text. */
  get text(): string {
    return String.fromCharCode(...this.sent);
  }
}

/** Converts `text` to input bytes; characters must be below 0x100. */
export function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
