// SPDX-License-Identifier: GPL-2.0-only
/**
 * Bus that reports every access that a device answers, for events of kind `mmio`. An access that no
 * device answers is an external abort, which has its own event. An 8-byte access is reported as
 * one, as the CPU made it.
 */

import { Bus } from './bus.ts';
import type { AccessWidth } from './device.ts';

/** Access that a device answered. */
export interface BusAccess {
  /** Name of the device's region. */
  readonly device: string;
  /** Offset from the start of the device, in bytes. */
  readonly offset: number;
  readonly width: 1 | 2 | 4 | 8;
  readonly write: boolean;
  /** Value read or written, unsigned. */
  readonly value: number | bigint;
}

/** Bus with a listener for accesses. */
export class TracedBus extends Bus {
  private readonly onAccess: (access: BusAccess) => void;

  constructor(onAccess: (access: BusAccess) => void) {
    super();
    this.onAccess = onAccess;
  }

  override read(pa: number, width: AccessWidth): number {
    const value = super.read(pa, width);
    this.answered(pa, width, false, value >>> 0);
    return value;
  }

  override write(pa: number, width: AccessWidth, value: number): void {
    super.write(pa, width, value);
    this.answered(pa, width, true, value);
  }

  override read64(pa: number): bigint {
    const value = super.read64(pa);
    this.answered(pa, 8, false, value);
    return value;
  }

  override write64(pa: number, value: bigint): void {
    super.write64(pa, value);
    this.answered(pa, 8, true, BigInt.asUintN(64, value));
  }

  private answered(pa: number, width: 1 | 2 | 4 | 8, write: boolean, value: number | bigint): void {
    const region = this.find(pa);
    if (region !== null) this.onAccess({ device: region.name, offset: pa - region.base, width, write, value });
  }
}
