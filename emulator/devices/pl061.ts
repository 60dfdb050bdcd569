// SPDX-License-Identifier: GPL-2.0-only
/**
 * Arm PrimeCell General Purpose Input/Output (PL061): eight pins. On QEMU's `virt` board pin 3 is
 * the power key.
 *
 *     address bits 9:2 of GPIODATA are a mask: read(4 * m) & m, and only bits of m are written
 *
 *     pin ──► level or edge ──► RIS ──(& IE)──► MIS ──(any)──► interrupt line, level high
 *             IS, IBE, IEV
 *
 * Modelled: data with its mask, direction, interrupts on levels and edges. Outputs are not
 * connected; hardware control (AFSEL) is stored without effect.
 *
 * Specification: PrimeCell General Purpose Input/Output (PL061) Technical Reference Manual, Arm DDI
 * 0190, chapter 3. Reset values, register widths and identification compared with QEMU 7.2's.
 */

import type { AccessWidth, Device, DeviceContext } from '#emulator/bus/device.ts';
import type { PendingTimer, TimerPort } from '#emulator/bus/timer-port.ts';
import { identificationByte } from './primecell.ts';
import { UnknownRegisters } from './unknown-registers.ts';

const DATA_END = 0x400; // 0x000..0x3fc: GPIODATA under its mask
const DIR = 0x400; // 1 = output
const IS = 0x404; // 1 = level
const IBE = 0x408; // 1 = both edges
const IEV = 0x40c; // 1 = rising edge or high level
const IE = 0x410; // 1 = enabled
const RIS = 0x414;
const MIS = 0x418;
const IC = 0x41c; // write 1 to clear an edge
const AFSEL = 0x420;

/** Part 0x061, designer 0x41 (Arm), revision 0. */
const PERIPHERAL_ID = [0x61, 0x10, 0x04, 0x00] as const;

const POWER_KEY = 1 << 3;
/**
 * Duration of a key press: longer than the 5 ms for which Linux ignores a bouncing key, as in QEMU.
 */
const PRESS_NS = 100e6;

export interface Pl061Options {
  /** Node name of the device, for events: "gpio@9030000". */
  readonly name: string;
  readonly context: DeviceContext;
  readonly timers: TimerPort;
}

/** State at reset. */
const RESET = {
  /** Levels that the outside drives into the pins. */
  inputs: 0,
  /** Levels written for output pins. */
  outputs: 0,
  dir: 0,
  is: 0,
  ibe: 0,
  iev: 0,
  ie: 0,
  afsel: 0,
  edges: 0,
  line: false,
};

/** PL061. Its registers take 4 KiB. */
export class Pl061 implements Device {
  readonly model = 'PL061';
  private readonly context: DeviceContext;
  private readonly timers: TimerPort;
  private readonly unknown: UnknownRegisters;
  private release: PendingTimer | null = null;
  private state = { ...RESET };

  constructor(options: Pl061Options) {
    this.context = options.context;
    this.timers = options.timers;
    this.unknown = new UnknownRegisters(options.name, options.context);
  }

  /** Clears the registers. Input levels stay, except that the power key is released. */
  reset(): void {
    this.release?.cancel();
    this.release = null;
    this.state = { ...RESET, inputs: this.state.inputs & ~POWER_KEY, line: this.state.line };
    this.updateLine();
  }

  saveState() {
    return {
      ...this.state,
      unknown: this.unknown.saveState(),
      release: this.release?.deadline ?? null,
    };
  }

  restoreState({ unknown, release, ...state }: ReturnType<Pl061['saveState']>): void {
    this.state = state;
    this.unknown.restoreState(unknown);
    this.release?.cancel();
    this.release = release === null ? null : this.timers.resume(release, () => this.releasePowerKey());
  }

  /** Presses the power key for 100 simulated milliseconds. Another press meanwhile extends it. */
  pressPowerKey(): void {
    this.release?.cancel();
    this.setPin(3, true);
    this.release = this.timers.after(PRESS_NS, () => this.releasePowerKey());
  }

  private releasePowerKey(): void {
    this.release = null;
    this.setPin(3, false);
  }

  /** True while the power key is held down. */
  get powerKeyPressed(): boolean {
    return (this.state.inputs & POWER_KEY) !== 0;
  }

  /** Drives pin 0..7 from the outside. @throws RangeError for any other pin */
  setPin(pin: number, high: boolean): void {
    if (!Number.isInteger(pin) || pin < 0 || pin > 7) throw new RangeError(`a PL061 has no pin ${pin}`);
    const before = this.pins();
    this.state.inputs = high ? this.state.inputs | (1 << pin) : this.state.inputs & ~(1 << pin);
    this.noteEdges(before);
    this.updateLine();
  }

  read(offset: number, width: AccessWidth): number {
    if (offset < DATA_END) return this.pins() & (offset >>> 2);
    switch (offset) {
      case DIR:
        return this.state.dir;
      case IS:
        return this.state.is;
      case IBE:
        return this.state.ibe;
      case IEV:
        return this.state.iev;
      case IE:
        return this.state.ie;
      case RIS:
        return this.ris();
      case MIS:
        return this.ris() & this.state.ie;
      case IC:
        return 0;
      case AFSEL:
        return this.state.afsel;
      default: {
        const id = identificationByte(PERIPHERAL_ID, offset);
        if (id === null) this.unknown.report('read', offset, width, 0);
        return id ?? 0;
      }
    }
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const before = this.pins();
    const byte = value & 0xff;
    if (offset < DATA_END) {
      const mask = (offset >>> 2) & this.state.dir;
      this.state.outputs = (this.state.outputs & ~mask) | (byte & mask);
    } else {
      this.writeRegister(offset, width, byte);
    }
    this.noteEdges(before);
    this.updateLine();
  }

  private writeRegister(offset: number, width: AccessWidth, byte: number): void {
    switch (offset) {
      case DIR:
        this.state.dir = byte;
        break;
      case IS:
        this.state.is = byte;
        break;
      case IBE:
        this.state.ibe = byte;
        break;
      case IEV:
        this.state.iev = byte;
        break;
      case IE:
        this.state.ie = byte;
        break;
      case IC:
        this.state.edges &= ~byte;
        break;
      case AFSEL:
        this.state.afsel = byte;
        break;
      case RIS:
      case MIS:
        break; // read-only
      default:
        if (identificationByte(PERIPHERAL_ID, offset) === null) this.unknown.report('write', offset, width, byte);
    }
  }

  /** Level of each pin. */
  private pins(): number {
    return (this.state.outputs & this.state.dir) | (this.state.inputs & ~this.state.dir);
  }

  private noteEdges(before: number): void {
    const now = this.pins();
    const rising = now & ~before;
    const falling = before & ~now;
    const wanted =
      ((rising | falling) & this.state.ibe) |
      (~this.state.ibe & ((rising & this.state.iev) | (falling & ~this.state.iev)));
    this.state.edges |= wanted & ~this.state.is & 0xff;
  }

  private ris(): number {
    return (this.state.edges & ~this.state.is) | (this.state.is & ~(this.pins() ^ this.state.iev) & 0xff);
  }

  private updateLine(): void {
    const level = (this.ris() & this.state.ie) !== 0;
    if (level !== this.state.line) {
      this.state.line = level;
      this.context.setIrq(level);
    }
  }
}
