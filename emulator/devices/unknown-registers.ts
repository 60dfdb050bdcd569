// SPDX-License-Identifier: GPL-2.0-only
/**
 * Reports each register that a device has no model for, once. A guest that polls one would fill the
 * log otherwise; a guest that touches one at all is worth a line, because what it waits for may
 * never come.
 */

import { hex } from '#common/address.ts';
import type { DeviceContext } from '#emulator/bus/device.ts';

/**
 * What one device has reported. Emits `mmio-unknown`: device, offset "0x…", access, width in bytes,
 * value "0x…".
 */
export class UnknownRegisters {
  private readonly device: string;
  private readonly context: DeviceContext;
  private readonly seen = new Set<number>();

  /** @param device the node name of the device: "serial@9000000" */
  constructor(device: string, context: DeviceContext) {
    this.device = device;
    this.context = context;
  }

  /** Offsets that were reported. */
  saveState(): number[] {
    return [...this.seen];
  }

  restoreState(offsets: readonly number[]): void {
    this.seen.clear();
    for (const offset of offsets) this.seen.add(offset);
  }

  /**
   * Reports the register at `offset` unless it was reported before. `value` is what was read or
   * written.
   */
  report(access: 'read' | 'write', offset: number, width: number, value: number): void {
    if (this.seen.has(offset)) {
      return;
    }
    this.seen.add(offset);
    this.context.emit('mmio-unknown', { device: this.device, offset: hex(offset), access, width, value: hex(value) });
  }
}
