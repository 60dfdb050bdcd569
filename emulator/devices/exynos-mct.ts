// SPDX-License-Identifier: GPL-2.0-only
/**
 * Exynos multi-core timer (MCT), as gs101 has it: a 64-bit counter, four comparators on it, and
 * eight local timers.
 *
 *     0x100 G_CNT        counter, low and high half        0x300 + 0x100 n   local timer n (exynos-local-timer.ts)
 *     0x110 G_CNT_WSTAT
 *     0x200 + 0x10 i     comparator i: low, high, increment
 *     0x240 G_TCON       8 counter runs, 2i+1 add increment after a match, 2i comparator i on
 *     0x244 G_INT_CSTAT  0x248 G_INT_ENB  0x24c G_WSTAT    bit i: comparator i
 *
 *     lines: 0..3 comparators, 4..11 local timers; level high
 *
 * Each write to a register that crosses into the timer's clock domain sets a bit in a write-status
 * register, which the driver waits for and clears. Linux panics with "MCT hangs after writing" when
 * the bit is not set; here it is set at once.
 *
 * The counter runs from reset and counts simulated time: on the phone the boot loader has started
 * it. A comparator matches when the counter reaches it. A comparator that is enabled (G_TCON
 * written) after the counter has passed its value matches at once, so that a slow instruction
 * stream does not lose a deadline. Writing one half of a comparator to a past value does not match,
 * because drivers write low before high.
 *
 * The local timers of cores 5 to 7 lie above the 0x800 bytes that the device tree names; drivers
 * reach them because a mapping is whole pages. A board gives the device 4 KiB.
 *
 * Specification: Samsung Exynos 4210 User's Manual, 24 "Multi Core Timer"; Linux
 * drivers/clocksource/exynos_mct.c for the write-status bits.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import { type Deadline, NO_TIMERS, type PendingTimer, type TimerPort } from '#emulator/bus/timer-port.ts';
import { type CycleClock, ExynosLocalTimer } from './exynos-local-timer.ts';
import { UnknownRegisters } from './unknown-registers.ts';

const G_CNT_L = 0x100;
const G_CNT_U = 0x104;
const G_CNT_WSTAT = 0x110; // 0 low, 1 high
const COMPARATORS = 0x200;
const COMPARATORS_END = 0x240;
const G_TCON = 0x240;
const G_TCON_START = 1 << 8;
const G_TCON_ALL = 0x1ff;
const G_INT_CSTAT = 0x244;
const G_INT_ENB = 0x248;
const G_INT_ALL = 0xf;
const G_WSTAT = 0x24c; // 4i low, 4i+1 high, 4i+2 increment of comparator i; 16 G_TCON
const G_WSTAT_TCON = 1 << 16;
const LOCAL = 0x300;
const LOCAL_BYTES = 0x100;
const LOCAL_TIMERS = 8;
const LOCAL_END = LOCAL + LOCAL_TIMERS * LOCAL_BYTES;

/** Interrupt lines: four comparators, then the local timers. */
export const MCT_LINES = 4 + LOCAL_TIMERS;

/** Cycle count that no run reaches (two years), and up to which nanoseconds are exact. */
const NEVER = 2 ** 50;

/** Rate of the counter on gs101: its crystal, 24.576 MHz. */
export const GS101_MCT_HZ = 24_576_000;

export interface ExynosMctOptions {
  /** Node name of the device, for events: "timer@10050000". */
  readonly name: string;
  /** Context; its single interrupt line is not used, because the device has twelve. */
  readonly context: DeviceContext;
  readonly timers: TimerPort;
  readonly frequencyHz: number;
  /** Drives interrupt line 0 to 11. */
  readonly setLine: (line: number, level: boolean) => void;
}

interface Comparator {
  value: bigint;
  increment: number;
  wait: PendingTimer | null;
  /** Cycle at which the wait ends. */
  due: number;
}

/** State at reset. */
const RESET = {
  /** Value of the counter at cycle `countedFrom`; it runs from there, or stands still. */
  count: 0n,
  countedFrom: 0,
  control: G_TCON_START,
  pending: 0,
  enabled: 0,
  countWriteStatus: 0,
  writeStatus: 0,
};

/** Multi-core timer. Its registers take 0xb00 bytes. */
export class ExynosMct implements Device {
  readonly model = 'exynos-mct';
  private readonly options: ExynosMctOptions;
  private readonly unknown: UnknownRegisters;
  private readonly comparators: readonly Comparator[];
  private readonly locals: readonly ExynosLocalTimer[];
  private readonly lines: boolean[] = [];
  private state = { ...RESET };

  constructor(options: ExynosMctOptions) {
    this.options = options;
    this.unknown = new UnknownRegisters(options.name, options.context);
    this.comparators = Array.from({ length: 4 }, () => ({ value: 0n, increment: 0, wait: null, due: 0 }));
    const clock: CycleClock = {
      cycles: () => this.cycles(),
      at: (cycle, callback) => this.at(cycle, callback),
      resume: (deadline, cycle, callback) => this.at(cycle, callback, deadline),
    };
    this.locals = Array.from(
      { length: LOCAL_TIMERS },
      (_, n) => new ExynosLocalTimer(clock, (level) => options.setLine(this.comparators.length + n, level)),
    );
  }

  reset(): void {
    for (const comparator of this.comparators) {
      comparator.wait?.cancel();
      comparator.wait = null;
      comparator.value = 0n;
      comparator.increment = 0;
    }
    for (const local of this.locals) local.reset();
    this.state = { ...RESET };
    this.updateLines();
  }

  saveState() {
    return {
      ...this.state,
      lines: this.comparators.map((_, index) => this.lines[index] ?? false),
      comparators: this.comparators.map(({ value, increment, due, wait }) => ({
        value,
        increment,
        due,
        wait: wait?.deadline ?? null,
      })),
      locals: this.locals.map((local) => local.saveState()),
      unknown: this.unknown.saveState(),
    };
  }

  restoreState({ lines, comparators, locals, unknown, ...state }: ReturnType<ExynosMct['saveState']>): void {
    this.state = state;
    for (const [index, line] of lines.entries()) this.lines[index] = line;
    for (const [index, { value, increment, due, wait }] of comparators.entries()) {
      const comparator = this.comparators[index] as Comparator;
      comparator.wait?.cancel();
      comparator.value = value;
      comparator.increment = increment;
      comparator.due = due;
      comparator.wait = wait === null ? null : this.at(due, () => this.expire(index), wait);
    }
    for (const [index, local] of locals.entries()) this.locals[index]?.restoreState(local);
    this.unknown.restoreState(unknown);
  }

  read(offset: number, width: AccessWidth): number {
    const value = width === 4 ? this.readRegister(offset) : null;
    if (value === null) this.unknown.report('read', offset, width, 0);
    return value ?? 0;
  }

  write(offset: number, width: AccessWidth, value: number): void {
    if (width !== 4 || !this.writeRegister(offset, value)) this.unknown.report('write', offset, width, value);
  }

  private readRegister(offset: number): number | null {
    if (offset >= LOCAL && offset < LOCAL_END) return this.local(offset).read(offset % LOCAL_BYTES);
    if (offset >= COMPARATORS && offset < COMPARATORS_END) return this.readComparator(offset);
    switch (offset) {
      case G_CNT_L:
        return Number(BigInt.asUintN(32, this.counter()));
      case G_CNT_U:
        return Number(this.counter() >> 32n);
      case G_CNT_WSTAT:
        return this.state.countWriteStatus;
      case G_TCON:
        return this.state.control;
      case G_INT_CSTAT:
        return this.state.pending;
      case G_INT_ENB:
        return this.state.enabled;
      case G_WSTAT:
        return this.state.writeStatus;
      default:
        return null;
    }
  }

  /** Writes a register; returns false when there is none. */
  private writeRegister(offset: number, value: number): boolean {
    if (offset >= LOCAL && offset < LOCAL_END) return this.local(offset).write(offset % LOCAL_BYTES, value);
    if (offset >= COMPARATORS && offset < COMPARATORS_END) return this.writeComparator(offset, value);
    switch (offset) {
      case G_CNT_L:
        this.setCounter(withLow(this.counter(), value));
        this.state.countWriteStatus |= 1;
        break;
      case G_CNT_U:
        this.setCounter(withHigh(this.counter(), value));
        this.state.countWriteStatus |= 2;
        break;
      case G_CNT_WSTAT:
        this.state.countWriteStatus &= ~value;
        break;
      case G_TCON:
        this.setCounter(this.counter());
        this.state.control = value & G_TCON_ALL;
        this.state.writeStatus |= G_WSTAT_TCON;
        break;
      case G_INT_CSTAT:
        this.state.pending &= ~value;
        break;
      case G_INT_ENB:
        this.state.enabled = value & G_INT_ALL;
        break;
      case G_WSTAT:
        this.state.writeStatus &= ~value;
        break;
      default:
        return false;
    }
    if (offset === G_CNT_L || offset === G_CNT_U || offset === G_TCON) {
      for (const index of this.comparators.keys()) this.arm(index, offset === G_TCON);
    }
    this.updateLines();
    return true;
  }

  private local(offset: number): ExynosLocalTimer {
    return this.locals[Math.floor((offset - LOCAL) / LOCAL_BYTES)] as ExynosLocalTimer;
  }

  private readComparator(offset: number): number | null {
    const { value, increment } = this.comparators[(offset - COMPARATORS) >>> 4] as Comparator;
    const parts = [Number(BigInt.asUintN(32, value)), Number(value >> 32n), increment];
    return parts[(offset % 16) / 4] ?? null;
  }

  private writeComparator(offset: number, value: number): boolean {
    const index = (offset - COMPARATORS) >>> 4;
    const part = (offset % 16) / 4;
    const comparator = this.comparators[index] as Comparator;
    if (part === 0) comparator.value = withLow(comparator.value, value);
    else if (part === 1) comparator.value = withHigh(comparator.value, value);
    else if (part === 2) comparator.increment = value;
    else return false;
    this.state.writeStatus |= 1 << (4 * index + part);
    if (part < 2) {
      this.arm(index, false);
      this.updateLines();
    }
    return true;
  }

  /** Cycles of the input clock since power-on. */
  private cycles(): number {
    return Math.floor((this.options.context.nowNs() / 1e9) * this.options.frequencyHz);
  }

  /**
   * Waits until the clock shows `cycle`. This may take several waits, because the machine waits in
   * whole nanoseconds, which are not whole cycles.
   * @param deadline deadline of the pending wait, in a restored machine
   */
  private at(cycle: number, callback: () => void, deadline?: Deadline): PendingTimer {
    const { timers, frequencyHz, context } = this.options;
    if (cycle >= NEVER) return NO_TIMERS.after(0, callback);
    let inner: PendingTimer;
    const ended = () => {
      if (this.cycles() >= cycle) callback();
      else wait();
    };
    const wait = () => {
      const ns = Math.ceil((cycle / frequencyHz) * 1e9) - context.nowNs();
      inner = timers.after(Math.max(ns, 1), ended);
    };
    if (deadline === undefined) wait();
    else inner = timers.resume(deadline, ended);
    return {
      get deadline() {
        return inner.deadline;
      },
      cancel: () => inner.cancel(),
    };
  }

  private counter(): bigint {
    const runs = (this.state.control & G_TCON_START) !== 0;
    return runs
      ? BigInt.asUintN(64, this.state.count + BigInt(this.cycles() - this.state.countedFrom))
      : this.state.count;
  }

  private setCounter(count: bigint): void {
    this.state.count = count;
    this.state.countedFrom = this.cycles();
  }

  /**
   * Restarts the wait for comparator `index`.
   * @param orPassed true when a value that the counter has passed matches now
   */
  private arm(index: number, orPassed: boolean): void {
    const comparator = this.comparators[index] as Comparator;
    comparator.wait?.cancel();
    comparator.wait = null;
    const on = (this.state.control & (1 << (2 * index))) !== 0 && (this.state.control & G_TCON_START) !== 0;
    if (!on) return;
    const left = comparator.value - this.counter();
    if (left === 0n || (left < 0n && orPassed)) this.match(index);
    else if (left > 0n) this.await(index, Number(left));
  }

  private await(index: number, cycles: number): void {
    const comparator = this.comparators[index] as Comparator;
    comparator.due = this.cycles() + cycles;
    comparator.wait = this.at(comparator.due, () => this.expire(index));
  }

  private expire(index: number): void {
    (this.comparators[index] as Comparator).wait = null;
    this.match(index);
    this.updateLines();
  }

  private match(index: number): void {
    const comparator = this.comparators[index] as Comparator;
    this.state.pending |= 1 << index;
    const repeats = (this.state.control & (2 << (2 * index))) !== 0 && comparator.increment > 0;
    if (!repeats) return;
    // Several matches that passed at once give one interrupt: the status has one bit.
    const increment = BigInt(comparator.increment);
    const behind = this.counter() - comparator.value;
    comparator.value = BigInt.asUintN(64, comparator.value + (behind / increment + 1n) * increment);
    this.await(index, Number(comparator.value - this.counter()));
  }

  private updateLines(): void {
    for (const index of this.comparators.keys()) {
      const level = ((this.state.pending & this.state.enabled) >>> index) % 2 === 1;
      if (level !== (this.lines[index] ?? false)) {
        this.lines[index] = level;
        this.options.setLine(index, level);
      }
    }
  }
}

function withLow(value: bigint, low: number): bigint {
  return ((value >> 32n) << 32n) | BigInt(low);
}

function withHigh(value: bigint, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt.asUintN(32, value);
}
