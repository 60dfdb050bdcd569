// SPDX-License-Identifier: GPL-2.0-only
/**
 * Arm PrimeCell Real Time Clock (PL031): seconds, and one alarm. The wall clock of QEMU's `virt`
 * board.
 *
 *     simulated ns / 10^9 + offset = DR        DR == MR ──► RIS ──(& IMSC)──► MIS ──► interrupt line, level high
 *
 * Time starts at a given epoch and runs with simulated time, so two runs see the same dates. The
 * host's clock is not used. The alarm comes when the second in MR begins; a match register in the
 * past waits until the counter has wrapped.
 *
 * CR reads 1 always: the counter cannot be stopped (a write of 0 would reset it on the hardware,
 * which no driver does). Accesses of any width are accepted at a register's offset.
 *
 * Specification: PrimeCell Real Time Clock (PL031) Technical Reference Manual, Arm DDI 0224,
 * chapter 3. Reset values and identification compared with QEMU 7.2's.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import type { PendingTimer, TimerPort } from '#emulator/bus/timer-port.ts';
import { identificationByte } from './primecell.ts';
import { UnknownRegisters } from './unknown-registers.ts';

const DR = 0x00; // seconds
const MR = 0x04; // alarm, seconds
const LR = 0x08; // load: a write sets the counter; reads what was written
const CR = 0x0c;
const CR_START = 1 << 0;
const IMSC = 0x10;
const RIS = 0x14;
const MIS = 0x18;
const ICR = 0x1c; // write 1 to clear
const ALARM = 1 << 0;

/** Part 0x031, designer 0x41 (Arm), revision 1. */
const PERIPHERAL_ID = [0x31, 0x10, 0x14, 0x00] as const;

const SECOND_NS = 1e9;
const WRAP = 2 ** 32;

export interface Pl031Options {
  /** Node name of the device, for events: "rtc@9010000". */
  readonly name: string;
  readonly context: DeviceContext;
  readonly timers: TimerPort;
  /** Counter value at reset: seconds since 1970-01-01 00:00 UTC, below 2^32. */
  readonly epochSeconds: number;
}

interface Registers {
  /** Counter value at simulated time 0. */
  offset: number;
  match: number;
  load: number;
  imsc: number;
  ris: number;
}

const atReset = (offset: number): Registers => ({ offset, match: 0, load: 0, imsc: 0, ris: 0 });

/** PL031. Its registers take 4 KiB. */
export class Pl031 implements Device {
  readonly model = 'PL031';
  private readonly context: DeviceContext;
  private readonly timers: TimerPort;
  private readonly epochSeconds: number;
  private readonly unknown: UnknownRegisters;
  private registers: Registers;
  private line = false;
  private alarm: PendingTimer | null = null;

  /** @throws RangeError when the epoch is not an integer in [0, 2^32) */
  constructor(options: Pl031Options) {
    const { epochSeconds } = options;
    if (!Number.isInteger(epochSeconds) || epochSeconds < 0 || epochSeconds >= WRAP) {
      throw new RangeError(`${options.name}: epoch ${epochSeconds} is not a number of seconds below 2^32`);
    }
    this.context = options.context;
    this.timers = options.timers;
    this.epochSeconds = epochSeconds;
    this.registers = atReset(epochSeconds);
    this.unknown = new UnknownRegisters(options.name, options.context);
  }

  /** The clock keeps running: on the board it is battery-backed. */
  reset(): void {
    this.registers = atReset(this.epochSeconds);
    this.alarm?.cancel();
    this.alarm = null;
    this.updateLine();
  }

  saveState() {
    return {
      ...this.registers,
      line: this.line,
      alarm: this.alarm?.deadline ?? null,
      unknown: this.unknown.saveState(),
    };
  }

  restoreState({ line, alarm, unknown, ...registers }: ReturnType<Pl031['saveState']>): void {
    this.registers = registers;
    this.line = line;
    this.alarm?.cancel();
    this.alarm = alarm === null ? null : this.timers.resume(alarm, () => this.ring());
    this.unknown.restoreState(unknown);
  }

  read(offset: number, width: AccessWidth): number {
    switch (offset) {
      case DR:
        return this.seconds();
      case MR:
        return this.registers.match;
      case LR:
        return this.registers.load;
      case CR:
        return CR_START;
      case IMSC:
        return this.registers.imsc;
      case RIS:
        return this.registers.ris;
      case MIS:
        return this.registers.ris & this.registers.imsc;
      case ICR:
        return 0;
      default: {
        const id = identificationByte(PERIPHERAL_ID, offset);
        if (id === null) this.unknown.report('read', offset, width, 0);
        return id ?? 0;
      }
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    switch (offset) {
      case MR:
        this.registers.match = value;
        this.armAlarm();
        break;
      case LR:
        this.registers.load = value;
        this.registers.offset = value - this.elapsed();
        this.armAlarm();
        break;
      case IMSC:
        this.registers.imsc = value & ALARM;
        break;
      case ICR:
        this.registers.ris &= ~value;
        break;
      case DR:
      case CR:
      case RIS:
      case MIS:
        break; // read-only here
      default:
        if (identificationByte(PERIPHERAL_ID, offset) === null) this.unknown.report('write', offset, width, value);
    }
    this.updateLine();
  }

  private elapsed(): number {
    return Math.floor(this.context.nowNs() / SECOND_NS);
  }

  private seconds(): number {
    return modulo(this.registers.offset + this.elapsed());
  }

  private armAlarm(): void {
    this.alarm?.cancel();
    this.alarm = null;
    const seconds = modulo(this.registers.match - this.seconds());
    if (seconds === 0) {
      this.registers.ris |= ALARM;
      return;
    }
    const dueNs = (this.elapsed() + seconds) * SECOND_NS;
    this.alarm = this.timers.after(dueNs - this.context.nowNs(), () => this.ring());
  }

  private ring(): void {
    this.alarm = null;
    this.registers.ris |= ALARM;
    this.updateLine();
  }

  private updateLine(): void {
    const level = (this.registers.ris & this.registers.imsc) !== 0;
    if (level !== this.line) {
      this.line = level;
      this.context.setIrq(level);
    }
  }
}

function modulo(seconds: number): number {
  return ((seconds % WRAP) + WRAP) % WRAP;
}
