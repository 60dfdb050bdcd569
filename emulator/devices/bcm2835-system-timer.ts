// SPDX-License-Identifier: GPL-2.0-only
/**
 * System timer of BCM2835 and its successors: a free-running counter of microseconds with four
 * compare registers, an interrupt line each.
 *
 *     CHI:CLO  ──(CLO = Cn)──► CS bit n ──► line n         writing 1 to a bit of CS clears it
 *
 * Source: BCM2835 ARM Peripherals, 12.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import type { PendingTimer, TimerPort } from '#emulator/bus/timer-port.ts';
import { UnknownRegisters } from './unknown-registers.ts';

const CS = 0x00;
const CLO = 0x04;
const CHI = 0x08;
const C0 = 0x0c; // to C3 at 0x18
const CHANNELS = 4;
const NS_PER_TICK = 1000;

export interface Bcm2835SystemTimerOptions {
  /** Name of the device, for events. */
  readonly name: string;
  readonly context: DeviceContext;
  readonly timers: TimerPort;
  readonly setLine: (channel: number, level: boolean) => void;
}

/** System timer. Its registers take 0x1c bytes. */
export class Bcm2835SystemTimer implements Device {
  readonly model = 'bcm2835-system-timer';
  private readonly options: Bcm2835SystemTimerOptions;
  private readonly unknown: UnknownRegisters;
  private readonly compare = new Array<number>(CHANNELS).fill(0);
  private readonly waits = new Array<PendingTimer | null>(CHANNELS).fill(null);
  private status = 0;
  /** Time of the last chip reset, at which the counter starts. */
  private zeroNs = 0;

  constructor(options: Bcm2835SystemTimerOptions) {
    this.options = options;
    this.unknown = new UnknownRegisters(options.name, options.context);
  }

  reset(): void {
    for (let channel = 0; channel < CHANNELS; channel++) {
      this.waits[channel]?.cancel();
      this.waits[channel] = null;
      this.compare[channel] = 0;
    }
    this.clear(0xf);
    this.zeroNs = this.options.context.nowNs();
  }

  saveState() {
    return {
      compare: [...this.compare],
      waits: this.waits.map((wait) => wait?.deadline ?? null),
      status: this.status,
      zeroNs: this.zeroNs,
      unknown: this.unknown.saveState(),
    };
  }

  restoreState(state: ReturnType<Bcm2835SystemTimer['saveState']>): void {
    this.status = state.status;
    this.zeroNs = state.zeroNs;
    this.unknown.restoreState(state.unknown);
    for (let channel = 0; channel < CHANNELS; channel++) {
      this.compare[channel] = state.compare[channel] ?? 0;
      this.waits[channel]?.cancel();
      const wait = state.waits[channel] ?? null;
      this.waits[channel] = wait === null ? null : this.options.timers.resume(wait, () => this.match(channel));
    }
  }

  read(offset: number, width: AccessWidth): number {
    if (offset === CS) return this.status;
    if (offset === CLO) return this.ticks() % 2 ** 32;
    if (offset === CHI) return Math.floor(this.ticks() / 2 ** 32);
    const channel = channelOf(offset);
    if (channel !== null) return this.compare[channel] as number;
    this.unknown.report('read', offset, width, 0);
    return 0;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (offset === CS) {
      this.clear(value);
      return;
    }
    const channel = channelOf(offset);
    if (channel === null) {
      this.unknown.report('write', offset, width, value);
      return;
    }
    this.compare[channel] = value;
    this.wait(channel);
  }

  private ticks(): number {
    return Math.floor((this.options.context.nowNs() - this.zeroNs) / NS_PER_TICK);
  }

  /** Waits until the low half of the counter next equals the compare register. */
  private wait(channel: number): void {
    this.waits[channel]?.cancel();
    const now = this.ticks();
    const ahead = ((this.compare[channel] as number) - (now % 2 ** 32) + 2 ** 32) % 2 ** 32;
    const ns = this.zeroNs + (now + (ahead === 0 ? 2 ** 32 : ahead)) * NS_PER_TICK - this.options.context.nowNs();
    this.waits[channel] = this.options.timers.after(ns, () => this.match(channel));
  }

  private match(channel: number): void {
    this.status |= 1 << channel;
    this.options.setLine(channel, true);
    this.wait(channel);
  }

  private clear(bits: number): void {
    for (let channel = 0; channel < CHANNELS; channel++) {
      if ((bits & this.status & (1 << channel)) !== 0) this.options.setLine(channel, false);
    }
    this.status &= ~bits;
  }
}

function channelOf(offset: number): number | null {
  const channel = (offset - C0) / 4;
  return Number.isInteger(channel) && channel >= 0 && channel < CHANNELS ? channel : null;
}
