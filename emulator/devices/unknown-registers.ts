// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reports each register that a device does not model, once. Otherwise a guest that polls one would
 * fill the log. A single access is worth an event, because the guest may wait for something that
 * never comes.
 */

import { hex } from '#common/address.ts';
import type { DeviceContext } from '#emulator/bus/device.ts';

/**
 * Reports of one device. Emits `mmio-unknown`: device, offset "0x…", access, width in bytes, value
 * "0x…".
 */
export class UnknownRegisters {
  private readonly device: string;
  private readonly context: DeviceContext;
  private readonly seen = new Set<number>();

  /** @param device node name of the device: "serial@9000000" */
  constructor(device: string, context: DeviceContext) {
    this.device = device;
    this.context = context;
  }

  /** Offsets already reported. */
  saveState(): number[] {
    return [...this.seen];
  }

  restoreState(offsets: readonly number[]): void {
    this.seen.clear();
    for (const offset of offsets) this.seen.add(offset);
  }

  /**
   * Reports the register at `offset`, unless it was reported before. `value` is the value read or
   * written.
   */
  report(access: 'read' | 'write', offset: number, width: number, value: number): void {
    if (this.seen.has(offset)) return;
    this.seen.add(offset);
    this.context.emit('mmio-unknown', { device: this.device, offset: hex(offset), access, width, value: hex(value) });
  }
}
