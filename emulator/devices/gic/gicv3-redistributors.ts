// SPDX-License-Identifier: GPL-2.0-only
/**
 * Redistributors of a GICv3: two frames of 64 KiB for each core, in sequence.
 *
 *     n * 0x2_0000 ┌───────────┐ RD_base:  CTLR  IIDR  TYPER (64 bits)  STATUSR  WAKER … PIDR at 0xffd0
 *        + 0x1_0000├───────────┤ SGI_base: registers of INTIDs 0..31 (interrupt-registers.ts)
 *                  └───────────┘
 *
 *     TYPER   63:32 affinity, 23:8 Processor_Number, 4 Last, 0 PLPIS = 0
 *     WAKER   2 ChildrenAsleep (follows at once), 1 ProcessorSleep; set after reset.
 *             Zero in the non-secure view, where firmware has woken the core.
 *
 * Space after the last core's frames reads zero. No LPIs, no extended PPIs, no power management.
 *
 * Specification: IHI 0069, 12.10 and 12.11; 11.1 for WAKER.
 */

import type { AccessWidth, Device } from '#emulator/bus/device.ts';
import type { UnknownRegisters } from '#emulator/devices/unknown-registers.ts';
import type { CpuInterface } from './cpu-interface.ts';
import { identificationOf, IIDR_VALUE } from './gicv3-distributor.ts';
import { affinityHigh, affinityLow } from './gicv3-routing.ts';
import { InterruptRegisters, requireWord } from './interrupt-registers.ts';
import type { InterruptState } from './interrupt-state.ts';
import type { SecurityView } from './security-view.ts';

/** Size of one core's frames in bytes. */
export const REDISTRIBUTOR_STRIDE = 0x2_0000;
const SGI_FRAME = 0x1_0000;

const CTLR = 0x0000; // 0 EnableLPIs, 3 RWP: all zero without LPIs
const IIDR = 0x0004;
const TYPER_LOW = 0x0008;
const TYPER_HIGH = 0x000c;
const TYPER_LAST = 1 << 4;
const TYPER_NUMBER_SHIFT = 8;
const STATUSR = 0x0010;
const WAKER = 0x0014;
const WAKER_PROCESSOR_SLEEP = 1 << 1;
const WAKER_CHILDREN_ASLEEP = 1 << 2;
// SETLPIR, CLRLPIR, PROPBASER, PENDBASER, INVLPIR, INVALLR, SYNCR: zero without LPIs.
const LPI_REGISTERS = 0x0040;
const LPI_REGISTERS_END = 0x00c8;
const IDENTIFICATION = 0xffd0;
const IDENTIFICATION_VALUES = identificationOf(0x93);

const IGRPMODR0 = 0xd00;
const NSACR = 0xe00;

export interface GicV3RedistributorsOptions {
  readonly state: InterruptState;
  readonly interfaces: readonly CpuInterface[];
  readonly view: SecurityView;
  readonly mpidrs: readonly number[];
  /** Called when a core's lines may have changed, or when the core fell asleep or woke. */
  readonly settle: (cpu: number) => void;
  readonly unknown: UnknownRegisters;
}

export class GicV3Redistributors implements Device {
  readonly model = 'gicv3';
  private readonly state: InterruptState;
  private readonly interfaces: readonly CpuInterface[];
  private readonly view: SecurityView;
  private readonly mpidrs: readonly number[];
  private readonly registers: InterruptRegisters;
  private readonly settle: (cpu: number) => void;
  private readonly unknown: UnknownRegisters;

  constructor(options: GicV3RedistributorsOptions) {
    this.state = options.state;
    this.interfaces = options.interfaces;
    this.view = options.view;
    this.mpidrs = options.mpidrs;
    this.settle = options.settle;
    this.unknown = options.unknown;
    this.registers = new InterruptRegisters({ state: options.state, view: options.view, writablePendingSgis: 0xffff });
    for (const core of this.interfaces) core.asleep = this.view === 'single';
  }

  /** Resets the SGIs, PPIs and WAKER of every core, and its CPU interface. */
  reset(): void {
    this.state.resetWords(0, this.state.cpus);
    for (const core of this.interfaces) {
      core.reset();
      core.asleep = this.view === 'single';
    }
    for (const core of this.interfaces) this.settle(core.cpu);
  }

  saveState() {
    return {
      unknown: this.unknown.saveState(),
    };
  }

  restoreState(state: ReturnType<GicV3Redistributors['saveState']>): void {
    this.unknown.restoreState(state.unknown);
  }

  /**
   * @throws BusAbort for a 16-bit access, and for an 8-bit one where the register does not allow it
   */
  read(offset: number, width: AccessWidth): number {
    const cpu = Math.floor(offset / REDISTRIBUTOR_STRIDE);
    const inFrames = offset % REDISTRIBUTOR_STRIDE;
    if (cpu >= this.mpidrs.length) {
      this.unknown.report('read', offset, width, 0);
      return 0;
    }
    if (inFrames >= SGI_FRAME) return this.readSgiFrame(cpu, offset, width);
    requireWord(offset, width);
    if (inFrames >= IDENTIFICATION) return IDENTIFICATION_VALUES[(inFrames - IDENTIFICATION) >>> 2]!;
    switch (inFrames) {
      case CTLR:
      case STATUSR:
        return 0;
      case IIDR:
        return IIDR_VALUE;
      case TYPER_LOW:
        return (cpu << TYPER_NUMBER_SHIFT) | (cpu === this.mpidrs.length - 1 ? TYPER_LAST : 0);
      case TYPER_HIGH:
        return ((affinityHigh(this.mpidrs[cpu]!) << 24) | affinityLow(this.mpidrs[cpu]!)) >>> 0;
      case WAKER:
        return this.interfaces[cpu]!.asleep ? WAKER_PROCESSOR_SLEEP | WAKER_CHILDREN_ASLEEP : 0;
      default:
        if (!isLpiRegister(inFrames)) this.unknown.report('read', offset, width, 0);
        return 0;
    }
  }

  /** @throws BusAbort as `read` does */
  write(offset: number, width: AccessWidth, value: number): void {
    const cpu = Math.floor(offset / REDISTRIBUTOR_STRIDE);
    const inFrames = offset % REDISTRIBUTOR_STRIDE;
    if (cpu >= this.mpidrs.length) {
      this.unknown.report('write', offset, width, value);
      return;
    }
    if (inFrames >= SGI_FRAME) {
      this.writeSgiFrame(cpu, offset, width, value);
      return;
    }
    requireWord(offset, width);
    switch (inFrames) {
      case WAKER:
        if (this.view === 'single') {
          this.interfaces[cpu]!.asleep = (value & WAKER_PROCESSOR_SLEEP) !== 0;
          this.settle(cpu);
        }
        break;
      case CTLR:
      case IIDR:
      case TYPER_LOW:
      case TYPER_HIGH:
      case STATUSR:
        break; // read-only, or no bit that this configuration has
      default:
        if (!isLpiRegister(inFrames) && inFrames < IDENTIFICATION) {
          this.unknown.report('write', offset, width, value);
        }
    }
  }

  private readSgiFrame(cpu: number, offset: number, width: AccessWidth): number {
    const register = offset % SGI_FRAME;
    if (this.registers.intidWord(register) === 0) return this.registers.read(cpu, register, width);
    requireWord(offset, width);
    if (register !== IGRPMODR0 && register !== NSACR) this.unknown.report('read', offset, width, 0);
    return 0;
  }

  private writeSgiFrame(cpu: number, offset: number, width: AccessWidth, value: number): void {
    const register = offset % SGI_FRAME;
    if (this.registers.intidWord(register) === 0) {
      this.registers.write(cpu, register, width, value);
      this.settle(cpu);
      return;
    }
    requireWord(offset, width);
    if (register !== IGRPMODR0 && register !== NSACR) this.unknown.report('write', offset, width, value);
  }
}

function isLpiRegister(offset: number): boolean {
  return offset >= LPI_REGISTERS && offset < LPI_REGISTERS_END;
}
