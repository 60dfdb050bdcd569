// SPDX-License-Identifier: GPL-2.0-only
/**
 * Block of 32-bit registers that read back what was written. It stands in for a device that
 * software programs, but whose effects this machine need not model (clock management, system
 * registers, pin control).
 *
 *     offset 0x00  0x04  0x08 …        a register never written holds its reset value, 0 unless given
 *            └─32─┘└─32─┘└─32─┘
 *
 * Sparse: only registers that were written take memory. Narrower accesses reach their bytes of the
 * 32-bit register, little-endian. No bit ever changes by itself.
 */

import { BusAbort, type AccessWidth, type Device, type DeviceContext } from '#emulator/bus/device.ts';
import { UnknownRegisters } from './unknown-registers.ts';

export interface RegisterStorageOptions {
  /** Node name of the device, for events: "clock-controller@1e080000". */
  readonly name: string;
  /** Size in bytes. */
  readonly size: number;
  readonly context: DeviceContext;
  /** Reset values by offset in bytes, a multiple of 4. A register listed here counts as known. */
  readonly resetValues?: ReadonlyMap<number, number>;
  /**
   * Report the first access to each register without a reset value as an `mmio-unknown` event.
   * False when absent.
   */
  readonly reportUnknown?: boolean;
}

/** Registers that store values. */
export class RegisterStorage implements Device {
  readonly model = 'storage';
  private readonly size: number;
  private readonly resetValues: ReadonlyMap<number, number>;
  private readonly registers = new Map<number, number>();
  private readonly unknown: UnknownRegisters | null;

  /**
   * @throws RangeError when a reset value lies outside the block, is not at a multiple of 4, or is
   * not 32 unsigned bits
   */
  constructor(options: RegisterStorageOptions) {
    this.size = options.size;
    this.resetValues = options.resetValues ?? new Map();
    this.unknown = options.reportUnknown === true ? new UnknownRegisters(options.name, options.context) : null;
    for (const [offset, value] of this.resetValues) {
      if (offset % 4 !== 0 || offset < 0 || offset + 4 > options.size || value >>> 0 !== value) {
        throw new RangeError(`${options.name}: reset value ${value} at offset ${offset} of ${options.size} bytes`);
      }
    }
  }

  read(offset: number, width: AccessWidth): number {
    const lane = offset % 4;
    const register = this.registerAt(offset, width);
    const word = this.value(register);
    const value = width === 4 ? word : (word >>> (8 * lane)) & maskOf(width);
    this.report('read', register, width, value);
    return value;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const lane = offset % 4;
    const register = this.registerAt(offset, width);
    this.report('write', register, width, value);
    if (width === 4) {
      this.registers.set(register, value >>> 0);
      return;
    }
    const mask = maskOf(width) << (8 * lane);
    this.registers.set(register, ((this.value(register) & ~mask) | ((value << (8 * lane)) & mask)) >>> 0);
  }

  reset(): void {
    this.registers.clear();
  }

  saveState() {
    return { registers: [...this.registers], unknown: this.unknown?.saveState() ?? null };
  }

  restoreState({ registers, unknown }: ReturnType<RegisterStorage['saveState']>): void {
    this.registers.clear();
    for (const [register, value] of registers) this.registers.set(register, value);
    if (unknown !== null) this.unknown?.restoreState(unknown);
  }

  /**
   * Offset of the register that contains the bytes. @throws BusAbort when they cross its end or the
   * block's (the bus forwards neither)
   */
  private registerAt(offset: number, width: AccessWidth): number {
    if ((offset % 4) + width > 4 || offset < 0 || offset + width > this.size) {
      throw new BusAbort(`no ${8 * width}-bit register at offset ${offset}`);
    }
    return offset - (offset % 4);
  }

  private value(register: number): number {
    return this.registers.get(register) ?? this.resetValues.get(register) ?? 0;
  }

  private report(access: 'read' | 'write', register: number, width: AccessWidth, value: number): void {
    if (this.unknown !== null && !this.resetValues.has(register)) {
      this.unknown.report(access, register, width, value);
    }
  }
}

function maskOf(width: 1 | 2): number {
  return width === 1 ? 0xff : 0xffff;
}
