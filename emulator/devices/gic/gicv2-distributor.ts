// SPDX-License-Identifier: GPL-2.0-only
/**
 * Distributor of a GICv2: 4 KiB. Registers of INTIDs 0..31 are banked: each core accesses its own.
 *
 *     0x000 CTLR   TYPER   IIDR                  0xc00 ICFGR           (interrupt-registers.ts)
 *     0x080..0x7ff (interrupt-registers.ts)      0xf00 SGIR
 *     0x800 ITARGETSR  a byte of cores each      0xf10 CPENDSGIR, 0xf20 SPENDSGIR   a byte of sources each
 *                                                0xfd0 PIDR4..7, PIDR0..3, CIDR0..3
 *
 * On a single core ITARGETSR is zero and ignores writes, and every SPI goes to that core. An SPI
 * with several targets is forwarded to all of them; the first core to acknowledge it takes it.
 *
 * Specification: IHI 0048, 4.1 and 4.3.
 */

import type { AccessWidth, Device } from '#emulator/bus/device.ts';
import { PRIMECELL_ID } from '#emulator/devices/primecell.ts';
import type { UnknownRegisters } from '#emulator/devices/unknown-registers.ts';
import type { GicV2Sgis } from './gicv2-sgis.ts';
import { InterruptRegisters, NOT_HERE, requireByteOrWord, requireWord } from './interrupt-registers.ts';
import { FIRST_SPI, type InterruptState } from './interrupt-state.ts';

const CTLR = 0x000; // 0 EnableGrp0, 1 EnableGrp1
const CTLR_ENABLES = 3;
const TYPER = 0x004; // 4:0 ITLinesNumber, 7:5 CPUNumber, 10 SecurityExtn = 0
const TYPER_CPU_SHIFT = 5;
const IIDR = 0x008;
const IIDR_VALUE = 0x0000_043b; // Arm; ProductID, variant and revision 0, as Cortex-A15
const ITARGETSR = 0x800;
const ITARGETSR_END = 0xc00;
const SGIR = 0xf00; // 25:24 TargetListFilter, 23:16 CPUTargetList, 3:0 INTID; write-only
const SGIR_FILTER_SHIFT = 24;
const SGIR_LIST_SHIFT = 16;
const FILTER_LIST = 0;
const FILTER_OTHERS = 1;
const FILTER_SELF = 2; // 3 is reserved
const CPENDSGIR = 0xf10;
const SPENDSGIR = 0xf20;
const SPENDSGIR_END = 0xf30;
const IDENTIFICATION = 0xfd0;
const SIZE = 0x1000;

/** PIDR4..7, PIDR0..3, CIDR0..3: Arm, part 0x390, architecture 2 in PIDR2 (0xfe8) bits 7:4. */
const IDENTIFICATION_VALUES = [0x04, 0, 0, 0, 0x90, 0xb4, 0x2b, 0, ...PRIMECELL_ID];

export interface GicV2DistributorOptions {
  readonly state: InterruptState;
  readonly sgis: GicV2Sgis;
  readonly currentCpu: () => number;
  /** Called after each write: interrupt lines may have changed. */
  readonly settle: () => void;
  readonly unknown: UnknownRegisters;
}

export class GicV2Distributor implements Device {
  readonly model = 'gicv2';
  private readonly state: InterruptState;
  private readonly sgis: GicV2Sgis;
  private readonly registers: InterruptRegisters;
  private readonly currentCpu: () => number;
  private readonly settle: () => void;
  private readonly unknown: UnknownRegisters;

  constructor(options: GicV2DistributorOptions) {
    this.state = options.state;
    this.sgis = options.sgis;
    this.currentCpu = options.currentCpu;
    this.settle = options.settle;
    this.unknown = options.unknown;
    this.registers = new InterruptRegisters({ state: options.state, view: 'single', writablePendingSgis: 0 });
    this.resetTargets();
  }

  reset(): void {
    this.sgis.reset();
    this.state.setGroupEnables(0);
    this.state.resetWords(0, this.state.words);
    this.resetTargets();
    this.settle();
  }

  saveState() {
    return {
      unknown: this.unknown.saveState(),
    };
  }

  restoreState(state: ReturnType<GicV2Distributor['saveState']>): void {
    this.unknown.restoreState(state.unknown);
  }

  /**
   * @throws BusAbort for a 16-bit access, and for an 8-bit one where the register does not allow it
   */
  read(offset: number, width: AccessWidth): number {
    if (offset < SIZE && this.registers.intidWord(offset) !== NOT_HERE) {
      return this.registers.read(this.currentCpu(), offset, width);
    }
    if (offset >= ITARGETSR && offset < ITARGETSR_END) {
      requireByteOrWord(offset, width);
      return this.bytes(offset - ITARGETSR, width, (intid) => this.readTargets(intid));
    }
    if (offset >= CPENDSGIR && offset < SPENDSGIR_END) {
      requireByteOrWord(offset, width);
      const cpu = this.currentCpu();
      return this.bytes(offset & 0xf, width, (intid) => this.sgis.sources(cpu, intid));
    }
    requireWord(offset, width);
    if (offset >= IDENTIFICATION && offset < SIZE) {
      return IDENTIFICATION_VALUES[(offset - IDENTIFICATION) >>> 2]!;
    }
    switch (offset) {
      case CTLR:
        return this.state.groupEnables;
      case TYPER:
        return (this.state.words - this.state.cpus) | ((this.state.cpus - 1) << TYPER_CPU_SHIFT);
      case IIDR:
        return IIDR_VALUE;
      case SGIR:
        return 0;
      default:
        this.unknown.report('read', offset, width, 0);
        return 0;
    }
  }

  /** @throws BusAbort as `read` does */
  write(offset: number, width: AccessWidth, value: number): void {
    this.writeRegister(offset, width, value);
    this.settle();
  }

  private writeRegister(offset: number, width: AccessWidth, value: number): void {
    if (offset < SIZE && this.registers.intidWord(offset) !== NOT_HERE) {
      this.registers.write(this.currentCpu(), offset, width, value);
      return;
    }
    if (offset >= ITARGETSR && offset < ITARGETSR_END) {
      requireByteOrWord(offset, width);
      for (let i = 0; i < width; i++) this.writeTargets(offset - ITARGETSR + i, (value >>> (8 * i)) & 0xff);
      return;
    }
    if (offset >= CPENDSGIR && offset < SPENDSGIR_END) {
      requireByteOrWord(offset, width);
      for (let i = 0; i < width; i++) {
        this.writeSources(offset >= SPENDSGIR, (offset & 0xf) + i, (value >>> (8 * i)) & 0xff);
      }
      return;
    }
    requireWord(offset, width);
    if (offset >= IDENTIFICATION && offset < SIZE) {
      return; // read-only
    }
    switch (offset) {
      case CTLR:
        this.state.setGroupEnables(value & CTLR_ENABLES);
        break;
      case TYPER:
      case IIDR:
        break; // read-only
      case SGIR:
        this.generate(value);
        break;
      default:
        this.unknown.report('write', offset, width, value);
    }
  }

  private generate(value: number): void {
    const source = this.currentCpu();
    const self = 1 << source;
    const filter = (value >>> SGIR_FILTER_SHIFT) & 3;
    const targets =
      filter === FILTER_LIST
        ? (value >>> SGIR_LIST_SHIFT) & 0xff
        : filter === FILTER_OTHERS
          ? 0xff & ~self
          : filter === FILTER_SELF
            ? self
            : 0;
    this.sgis.send(source, targets, value & 0xf);
  }

  private bytes(first: number, width: AccessWidth, byteOf: (intid: number) => number): number {
    let value = 0;
    for (let i = 0; i < width; i++) value |= byteOf(first + i) << (8 * i);
    return value >>> 0;
  }

  private readTargets(intid: number): number {
    if (this.state.cpus === 1 || !this.state.exists(intid)) return 0;
    return this.state.targets(this.state.slot(this.currentCpu(), intid));
  }

  /** The targets of private interrupts are fixed to their own core: read-only. */
  private writeTargets(intid: number, cores: number): void {
    if (this.state.cpus > 1 && intid >= FIRST_SPI && this.state.exists(intid)) {
      this.state.setTargets(this.state.slot(0, intid), cores & (2 ** this.state.cpus - 1));
    }
  }

  private writeSources(set: boolean, intid: number, sources: number): void {
    const cpu = this.currentCpu();
    const old = this.sgis.sources(cpu, intid);
    this.sgis.setSources(cpu, intid, set ? old | sources : old & ~sources);
  }

  private resetTargets(): void {
    for (let intid = FIRST_SPI; this.state.exists(intid); intid++) {
      this.state.setTargets(this.state.slot(0, intid), this.state.cpus === 1 ? 1 : 0);
    }
  }
}
