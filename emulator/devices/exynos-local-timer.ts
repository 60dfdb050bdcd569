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

/** State at reset. */
const RESET = {
  tickBuffer: 0,
  interruptBuffer: 0,
  /** Reload value of the running tick count. */
  tick: 1,
  interval: 1,
  control: 0,
  pending: 0,
  enabled: 0,
  writeStatus: 0,
  /** Cycle at which the running interval began. */
  started: 0,
  line: false,
};

/** Local timer. */
export class ExynosLocalTimer {
  private readonly clock: CycleClock;
  private readonly setLine: (level: boolean) => void;
  private wait: PendingTimer | null = null;
  private state = { ...RESET };

  constructor(clock: CycleClock, setLine: (level: boolean) => void) {
    this.clock = clock;
    this.setLine = setLine;
  }

  reset(): void {
    this.stop();
    this.state = { ...RESET, line: this.state.line };
    this.updateLine();
  }

  saveState() {
    return {
      ...this.state,
      wait: this.wait?.deadline ?? null,
    };
  }

  restoreState({ wait, ...state }: ReturnType<ExynosLocalTimer['saveState']>): void {
    this.state = state;
    this.stop();
    if (wait !== null) {
      this.wait = this.clock.resume(wait, this.endOfInterval(), () => this.expire());
    }
  }

  /** Value of the register at `offset` from the timer's base, or null when there is none. */
  read(offset: number): number | null {
    switch (offset) {
      case TCNTB:
        return this.state.tickBuffer;
      case TCNTO:
        return this.wait === null ? 0 : this.state.tick - 1 - (this.elapsed() % this.state.tick);
      case ICNTB:
        return this.state.interruptBuffer;
      case ICNTO:
        return this.wait === null
          ? 0
          : Math.max(0, this.state.interval - 1 - Math.floor(this.elapsed() / this.state.tick));
      case TCON:
        return this.state.control;
      case INT_CSTAT:
        return this.state.pending;
      case INT_ENB:
        return this.state.enabled;
      case WSTAT:
        return this.state.writeStatus;
      default:
        return null;
    }
  }

  /** Writes a register; returns false when there is none. */
  write(offset: number, value: number): boolean {
    switch (offset) {
      case TCNTB:
        this.state.tickBuffer = value;
        this.state.writeStatus |= WSTAT_TCNTB;
        break;
      case ICNTB:
        this.state.interruptBuffer = value % ICNTB_UPDATE;
        this.state.writeStatus |= WSTAT_ICNTB;
        if (value >= ICNTB_UPDATE && this.wait !== null) this.start();
        break;
      case TCON:
        this.writeControl(value);
        this.state.writeStatus |= WSTAT_TCON;
        break;
      case INT_CSTAT:
        this.state.pending &= ~value;
        break;
      case INT_ENB:
        this.state.enabled = value & 1;
        break;
      case WSTAT:
        this.state.writeStatus &= ~value;
        break;
      default:
        return false;
    }
    this.updateLine();
    return true;
  }

  private writeControl(value: number): void {
    this.state.control = value & 0xf;
    const runs = (value & TCON_TIMER_START) !== 0 && (value & TCON_INT_START) !== 0;
    if (!runs) this.stop();
    else if (this.wait === null) this.start();
  }

  private elapsed(): number {
    return this.clock.cycles() - this.state.started;
  }

  private start(): void {
    this.stop();
    this.state.tick = this.state.tickBuffer + 1;
    this.state.interval = this.state.interruptBuffer + 1;
    this.state.started = this.clock.cycles();
    this.await();
  }

  private await(): void {
    this.wait = this.clock.at(this.endOfInterval(), () => this.expire());
  }

  private endOfInterval(): number {
    return this.state.started + this.state.tick * this.state.interval;
  }

  private stop(): void {
    this.wait?.cancel();
    this.wait = null;
  }

  private expire(): void {
    this.wait = null;
    this.state.pending = 1;
    if ((this.state.control & TCON_INTERVAL) !== 0) {
      // Several intervals that passed at once give one interrupt: the status has one bit.
      const cycles = this.state.tick * this.state.interval;
      this.state.started += Math.floor(this.elapsed() / cycles) * cycles;
      this.state.tick = this.state.tickBuffer + 1;
      this.state.interval = this.state.interruptBuffer + 1;
      this.await();
    } else {
      this.state.control &= ~TCON_INT_START;
    }
    this.updateLine();
  }

  private updateLine(): void {
    const level = (this.state.pending & this.state.enabled) !== 0;
    if (level !== this.state.line) {
      this.state.line = level;
      this.setLine(level);
    }
  }
}
