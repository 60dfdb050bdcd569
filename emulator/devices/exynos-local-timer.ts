// SPDX-License-Identifier: GPL-2.0-only
/**
 * Local timer of the multi-core timer: counts ticks down and interrupts, once or periodically. Each
 * core has one; exynos-mct.ts holds eight.
 *
 *     input clock ──÷ (TCNTB + 1)──► tick ──÷ (ICNTB + 1)──► interrupt ──► INT_CSTAT ──(& INT_ENB)──► line, level high
 *
 *     +00 TCNTB  +04 TCNTO  +08 ICNTB (31 = use it now)  +0c ICNTO  +20 TCON  +30 INT_CSTAT  +34 INT_ENB  +40 WSTAT
 *
 * Not modelled: the free-running counter of each timer (+10, +14), which Linux does not use.
 *
 * Specification: Samsung Exynos 4210 User's Manual, 24 "Multi Core Timer"; Linux
 * drivers/clocksource/exynos_mct.c for the waits of the driver.
 */

import type { Deadline, PendingTimer } from '#emulator/bus/timer-port.ts';

const TCNTB = 0x00;
const TCNTO = 0x04; // counts left of the tick
const ICNTB = 0x08;
const ICNTB_UPDATE = 2 ** 31;
const ICNTO = 0x0c; // ticks left to the interrupt
const TCON = 0x20;
const TCON_TIMER_START = 1 << 0;
const TCON_INT_START = 1 << 1;
const TCON_INTERVAL = 1 << 2;
const INT_CSTAT = 0x30; // write 1 to clear
const INT_ENB = 0x34;
const WSTAT = 0x40; // a write to the register has taken effect; write 1 to clear
const WSTAT_TCNTB = 1 << 0;
const WSTAT_ICNTB = 1 << 1;
const WSTAT_TCON = 1 << 3;

/** Clock that counts cycles of the timers' input clock. */
export interface CycleClock {
  /** Cycles since power-on. */
  cycles(): number;
  /** Calls back at `cycle` or a little later. */
  at(cycle: number, callback: () => void): PendingTimer;
  /** Resumes the same wait in a restored machine. */
  resume(deadline: Deadline, cycle: number, callback: () => void): PendingTimer;
}

/** Local timer. */
export class ExynosLocalTimer {
  private readonly clock: CycleClock;
  private readonly setLine: (level: boolean) => void;
  private tickBuffer = 0;
  private interruptBuffer = 0;
  /** Reload value of the running tick count. */
  private tick = 1;
  private interval = 1;
  private control = 0;
  private pending = 0;
  private enabled = 0;
  private writeStatus = 0;
  /** Cycle at which the running interval began. */
  private started = 0;
  private wait: PendingTimer | null = null;
  private line = false;

  constructor(clock: CycleClock, setLine: (level: boolean) => void) {
    this.clock = clock;
    this.setLine = setLine;
  }

  reset(): void {
    this.stop();
    this.tickBuffer = 0;
    this.interruptBuffer = 0;
    this.control = 0;
    this.pending = 0;
    this.enabled = 0;
    this.writeStatus = 0;
    this.updateLine();
  }

  saveState() {
    return {
      tickBuffer: this.tickBuffer,
      interruptBuffer: this.interruptBuffer,
      tick: this.tick,
      interval: this.interval,
      control: this.control,
      pending: this.pending,
      enabled: this.enabled,
      writeStatus: this.writeStatus,
      started: this.started,
      line: this.line,
      wait: this.wait?.deadline ?? null,
    };
  }

  restoreState(state: ReturnType<ExynosLocalTimer['saveState']>): void {
    this.tickBuffer = state.tickBuffer;
    this.interruptBuffer = state.interruptBuffer;
    this.tick = state.tick;
    this.interval = state.interval;
    this.control = state.control;
    this.pending = state.pending;
    this.enabled = state.enabled;
    this.writeStatus = state.writeStatus;
    this.started = state.started;
    this.line = state.line;
    this.stop();
    if (state.wait !== null) {
      this.wait = this.clock.resume(state.wait, this.endOfInterval(), () => this.expire());
    }
  }

  /** Value of the register at `offset` from the timer's base, or null when there is none. */
  read(offset: number): number | null {
    switch (offset) {
      case TCNTB:
        return this.tickBuffer;
      case TCNTO:
        return this.wait === null ? 0 : this.tick - 1 - (this.elapsed() % this.tick);
      case ICNTB:
        return this.interruptBuffer;
      case ICNTO:
        return this.wait === null ? 0 : Math.max(0, this.interval - 1 - Math.floor(this.elapsed() / this.tick));
      case TCON:
        return this.control;
      case INT_CSTAT:
        return this.pending;
      case INT_ENB:
        return this.enabled;
      case WSTAT:
        return this.writeStatus;
      default:
        return null;
    }
  }

  /** Writes a register; returns false when there is none. */
  write(offset: number, value: number): boolean {
    switch (offset) {
      case TCNTB:
        this.tickBuffer = value;
        this.writeStatus |= WSTAT_TCNTB;
        break;
      case ICNTB:
        this.interruptBuffer = value % ICNTB_UPDATE;
        this.writeStatus |= WSTAT_ICNTB;
        if (value >= ICNTB_UPDATE && this.wait !== null) this.start();
        break;
      case TCON:
        this.writeControl(value);
        this.writeStatus |= WSTAT_TCON;
        break;
      case INT_CSTAT:
        this.pending &= ~value;
        break;
      case INT_ENB:
        this.enabled = value & 1;
        break;
      case WSTAT:
        this.writeStatus &= ~value;
        break;
      default:
        return false;
    }
    this.updateLine();
    return true;
  }

  private writeControl(value: number): void {
    this.control = value & 0xf;
    const runs = (value & TCON_TIMER_START) !== 0 && (value & TCON_INT_START) !== 0;
    if (!runs) this.stop();
    else if (this.wait === null) this.start();
  }

  private elapsed(): number {
    return this.clock.cycles() - this.started;
  }

  private start(): void {
    this.stop();
    this.tick = this.tickBuffer + 1;
    this.interval = this.interruptBuffer + 1;
    this.started = this.clock.cycles();
    this.await();
  }

  private await(): void {
    this.wait = this.clock.at(this.endOfInterval(), () => this.expire());
  }

  private endOfInterval(): number {
    return this.started + this.tick * this.interval;
  }

  private stop(): void {
    this.wait?.cancel();
    this.wait = null;
  }

  private expire(): void {
    this.wait = null;
    this.pending = 1;
    if ((this.control & TCON_INTERVAL) !== 0) {
      // Several intervals that passed at once give one interrupt: the status has one bit.
      const cycles = this.tick * this.interval;
      this.started += Math.floor(this.elapsed() / cycles) * cycles;
      this.tick = this.tickBuffer + 1;
      this.interval = this.interruptBuffer + 1;
      this.await();
    } else {
      this.control &= ~TCON_INT_START;
    }
    this.updateLine();
  }

  private updateLine(): void {
    const level = (this.pending & this.enabled) !== 0;
    if (level !== this.line) {
      this.line = level;
      this.setLine(level);
    }
  }
}
