// SPDX-License-Identifier: GPL-2.0-only
/**
 * Power management of BCM2835 and its successors, as far as it resets the chip: a watchdog that
 * restarts it, or leaves it off.
 *
 *     PM_WDOG, ticks of 16 us ──(while RSTC asks for a full reset)──► 0: the boot ROM starts
 *                                      the partition in RSTS; there is no 63: the board stays off
 *
 * Other registers (domains of camera, video, 3D) only store values. A write counts only with the
 * password 0x5a in bits 31:24.
 *
 * Source: Linux drivers/watchdog/bcm2835_wdt.c and include/linux/mfd/bcm2835-pm.h, as facts;
 * the register list that Broadcom published for BCM2835.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import type { PendingTimer, TimerPort } from '#emulator/bus/timer-port.ts';
import { withoutPassword } from './bcm2835-password.ts';
import { RegisterStorage } from './register-storage.ts';

const PM_RSTC = 0x1c;
const RSTC_WRITE_CONFIG = 0x30;
const RSTC_FULL_RESET = 0x20;
const RSTC_RESET_VALUE = 0x102;
const PM_RSTS = 0x20;
/** Mask of the partition's six bits, which are at every second position. */
const RSTS_PARTITION = 0x555;
const PM_WDOG = 0x24; // 19:0
const WDOG_TIME = 0xf_ffff;
const TICKS_PER_SECOND = 65_536;

export interface Bcm2835PmOptions {
  /** Name of the device, for events. */
  readonly name: string;
  readonly context: DeviceContext;
  readonly timers: TimerPort;
  readonly onPower: (request: 'reset' | 'off') => void;
}

/** Power management block. Its registers take 0x114 bytes. */
export class Bcm2835Pm implements Device {
  readonly model = 'bcm2835-pm';
  private readonly options: Bcm2835PmOptions;
  private readonly registers: RegisterStorage;
  /** Time at which the watchdog expires. */
  private bitesAtNs = 0;
  private wait: PendingTimer | null = null;

  constructor(options: Bcm2835PmOptions) {
    this.options = options;
    const { name, context } = options;
    const resetValues = new Map([
      [PM_RSTC, RSTC_RESET_VALUE],
      [PM_RSTS, 0],
      [PM_WDOG, 0],
    ]);
    this.registers = new RegisterStorage({ name, context, size: 0x114, reportUnknown: true, resetValues });
  }

  reset(): void {
    this.stop();
    this.registers.reset();
  }

  saveState() {
    return {
      registers: this.registers.saveState(),
      bitesAtNs: this.bitesAtNs,
      wait: this.wait?.deadline ?? null,
    };
  }

  restoreState(state: ReturnType<Bcm2835Pm['saveState']>): void {
    this.registers.restoreState(state.registers);
    this.bitesAtNs = state.bitesAtNs;
    this.wait?.cancel();
    this.wait = state.wait === null ? null : this.options.timers.resume(state.wait, () => this.bite());
  }

  read(offset: number, width: AccessWidth): number {
    if (offset === PM_WDOG && this.wait !== null) {
      const leftNs = this.bitesAtNs - this.options.context.nowNs();
      return Math.max(0, Math.ceil((leftNs * TICKS_PER_SECOND) / 1e9));
    }
    return this.registers.read(offset, width);
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const setting = withoutPassword(width, value);
    if (setting === null) return;
    this.registers.write(offset, 4, setting);
    if (offset === PM_RSTC || offset === PM_WDOG) this.arm();
  }

  /** Starts the countdown from PM_WDOG if a full reset is configured. */
  private arm(): void {
    this.stop();
    if ((this.registers.read(PM_RSTC, 4) & RSTC_WRITE_CONFIG) !== RSTC_FULL_RESET) return;
    const { context, timers } = this.options;
    const ns = ((this.registers.read(PM_WDOG, 4) & WDOG_TIME) * 1e9) / TICKS_PER_SECOND;
    this.bitesAtNs = context.nowNs() + ns;
    this.wait = timers.after(ns, () => this.bite());
  }

  private stop(): void {
    this.wait?.cancel();
    this.wait = null;
  }

  private bite(): void {
    this.wait = null;
    const halts = (this.registers.read(PM_RSTS, 4) & RSTS_PARTITION) === RSTS_PARTITION;
    this.options.onPower(halts ? 'off' : 'reset');
  }
}
