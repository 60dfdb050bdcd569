// SPDX-License-Identifier: GPL-2.0-only
/**
 * Exynos watchdog timer, of which gs101 has two: counts down, then interrupts, resets, or both.
 *
 *     clock ──÷ (prescaler + 1)──÷ 16, 32, 64, 128──► WTCNT ──(0)──► interrupt (WTCON 2), reset request (WTCON 0)
 *                                                           └── WTDAT is loaded again
 *
 * At reset it is off (WTCON 0). The hardware starts with it running, and firmware stops or feeds it
 * before it starts the kernel; here firmware has stopped it. So it cannot expire before software
 * has enabled it.
 *
 * Not modelled: the gate in the PMU that can keep a watchdog from counting or from resetting
 * (software that uses the watchdog opens it), the window in which feeding is too early (WTMINCNT
 * and WTCON 20 are stored).
 *
 * Specification: Samsung Exynos 4210 User's Manual, 26 "Watchdog Timer"; Linux
 * drivers/watchdog/s3c2410_wdt.c for what gs101 adds (WTCLRINT, WTCON 16).
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import type { PendingTimer, TimerPort } from '#emulator/bus/timer-port.ts';
import { UnknownRegisters } from './unknown-registers.ts';

const WTCON = 0x00; // 15:8 prescaler, 4:3 divider
const WTCON_RESET = 1 << 0;
const WTCON_INTERRUPT = 1 << 2;
const WTCON_ENABLE = 1 << 5;
const WTDAT = 0x04;
const WTCNT = 0x08;
const WTCLRINT = 0x0c; // any write
const WTMINCNT = 0x10;

const COUNT_RESET = 0x8000;
const COUNT_MASK = 0xffff;

export interface ExynosWatchdogOptions {
  /** Node name of the device, for events: "watchdog@10060000". */
  readonly name: string;
  readonly context: DeviceContext;
  readonly timers: TimerPort;
  readonly frequencyHz: number;
  /** Called when the watchdog expires with a reset request. */
  readonly onBite: () => void;
}

/** State at reset. */
const RESET = {
  control: 0,
  data: COUNT_RESET,
  /** Counter value at `countedFromNs`; it stays while the watchdog is disabled. */
  count: COUNT_RESET,
  countedFromNs: 0,
  minimum: 0,
  interrupt: false,
};

/** Watchdog. Its registers take 0x100 bytes. */
export class ExynosWatchdog implements Device {
  readonly model = 'exynos-watchdog';
  private readonly options: ExynosWatchdogOptions;
  private readonly unknown: UnknownRegisters;
  private wait: PendingTimer | null = null;
  private state = { ...RESET };

  constructor(options: ExynosWatchdogOptions) {
    this.options = options;
    this.unknown = new UnknownRegisters(options.name, options.context);
  }

  reset(): void {
    this.wait?.cancel();
    this.wait = null;
    this.state = { ...RESET, interrupt: this.state.interrupt };
    this.setInterrupt(false);
  }

  saveState() {
    return {
      ...this.state,
      unknown: this.unknown.saveState(),
      wait: this.wait?.deadline ?? null,
    };
  }

  restoreState({ unknown, wait, ...state }: ReturnType<ExynosWatchdog['saveState']>): void {
    this.state = state;
    this.unknown.restoreState(unknown);
    this.wait?.cancel();
    this.wait = wait === null ? null : this.options.timers.resume(wait, () => this.expire());
  }

  read(offset: number, width: AccessWidth): number {
    switch (offset) {
      case WTCON:
        return this.state.control;
      case WTDAT:
        return this.state.data;
      case WTCNT:
        return this.counter();
      case WTCLRINT:
        return 0;
      case WTMINCNT:
        return this.state.minimum;
      default:
        this.unknown.report('read', offset, width, 0);
        return 0;
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    switch (offset) {
      case WTCON:
        this.startFrom(this.counter(), value);
        break;
      case WTDAT:
        this.state.data = value & COUNT_MASK;
        break;
      case WTCNT:
        this.startFrom(value & COUNT_MASK, this.state.control);
        break;
      case WTCLRINT:
        this.setInterrupt(false);
        break;
      case WTMINCNT:
        this.state.minimum = value & COUNT_MASK;
        break;
      default:
        this.unknown.report('write', offset, width, value);
    }
  }

  /** Duration of one count in nanoseconds. */
  private periodNs(): number {
    const prescaler = ((this.state.control >>> 8) & 0xff) + 1;
    const divider = 16 << ((this.state.control >>> 3) & 3);
    return (prescaler * divider * 1e9) / this.options.frequencyHz;
  }

  private counter(): number {
    if (this.wait === null) return this.state.count;
    const counted = Math.floor((this.options.context.nowNs() - this.state.countedFromNs) / this.periodNs());
    return Math.max(0, cycle(this.state.count) - counted) & COUNT_MASK;
  }

  private startFrom(count: number, control: number): void {
    this.wait?.cancel();
    this.wait = null;
    this.state.control = control;
    this.state.count = count;
    this.state.countedFromNs = this.options.context.nowNs();
    if ((control & WTCON_ENABLE) === 0) return;
    this.wait = this.options.timers.after(Math.ceil(cycle(count) * this.periodNs()), () => this.expire());
  }

  private expire(): void {
    this.startFrom(this.state.data, this.state.control);
    if ((this.state.control & WTCON_INTERRUPT) !== 0) this.setInterrupt(true);
    if ((this.state.control & WTCON_RESET) !== 0) this.options.onBite();
  }

  private setInterrupt(level: boolean): void {
    if (level === this.state.interrupt) return;
    this.state.interrupt = level;
    this.options.context.setIrq(level);
  }
}

/** Counts until the counter reads 0 again: a counter at 0 wraps around fully. */
function cycle(count: number): number {
  return count === 0 ? COUNT_MASK + 1 : count;
}
