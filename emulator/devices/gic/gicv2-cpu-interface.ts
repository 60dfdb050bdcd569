// SPDX-License-Identifier: GPL-2.0-only
/**
 * Memory-mapped CPU interfaces of a GICv2: 8 KiB at one address, banked: each core accesses its
 * own.
 *
 *     0x00 CTLR  PMR  BPR  IAR  EOIR  RPR  HPPIR  ABPR  AIAR  AEOIR  AHPPIR        0xd0 APR0   0xe0 NSAPR0
 *     0xfc IIDR                                                                   0x1000 DIR
 *
 *     IAR:   12:10 the core that sent an SGI, 9:0 INTID
 *
 * Without the Security Extensions every access behaves as a secure one: IAR and HPPIR read 1022
 * while the interrupt is in group 1, unless AckCtl is set; AIAR, AEOIR and AHPPIR are for group 1.
 * An EOIR for an interrupt of group 1 works without AckCtl too (UNPREDICTABLE). With 32 priority
 * levels only APR0 and NSAPR0 have bits.
 *
 * QEMU 7.2 differs in a few places: it has no AIAR and AHPPIR, hides from HPPIR what PMR masks,
 * lets IAR take an interrupt of a disabled group, reads 1022 though group 1 has not the priority to
 * be signalled, and compares the running priority unmasked.
 *
 * Specification: IHI 0048, 4.4; table 3-5 for what IAR reads.
 */

import type { AccessWidth, Device } from '#emulator/bus/device.ts';
import type { UnknownRegisters } from '#emulator/devices/unknown-registers.ts';
import { type CpuInterface, GROUP0, GROUP1, SPURIOUS } from './cpu-interface.ts';
import type { GicV2Sgis } from './gicv2-sgis.ts';
import { requireWord } from './interrupt-registers.ts';
import { lowestBit } from './ready-set.ts';
import {
  ABPR,
  AEOIR,
  AHPPIR,
  AIAR,
  APR0,
  BPR,
  CTLR,
  DIR,
  EOIR,
  HPPIR,
  IAR,
  IIDR,
  IIDR_VALUE,
  INTID_MASK,
  NSAPR0,
  OTHER_GROUP,
  PMR,
  RPR,
} from './gicc-offsets.ts';

// 0 EnableGrp0, 1 EnableGrp1, 2 AckCtl, 3 FIQEn, 4 CBPR, 8:5 bypass disables, 9 EOImode.
const CTLR_ENABLES = 3;
const CTLR_ACKCTL = 1 << 2;
const CTLR_FIQEN = 1 << 3;
const CTLR_CBPR = 1 << 4;
const CTLR_EOIMODE = 1 << 9;
const CTLR_WRITABLE = 0x3ff;
const NSAPR_END = 0xf0;

const CPUID_SHIFT = 10;
const FIRST_PPI = 16;

export interface GicV2CpuInterfaceOptions {
  readonly interfaces: readonly CpuInterface[];
  readonly sgis: GicV2Sgis;
  readonly currentCpu: () => number;
  /** Called when the signals of a core's interface may have changed. */
  readonly settle: (cpu: number) => void;
  readonly unknown: UnknownRegisters;
}

export class GicV2CpuInterface implements Device {
  readonly model = 'gicv2';
  private readonly interfaces: readonly CpuInterface[];
  private readonly sgis: GicV2Sgis;
  private readonly currentCpu: () => number;
  private readonly settle: (cpu: number) => void;
  private readonly unknown: UnknownRegisters;
  private readonly control: Uint16Array;

  constructor(options: GicV2CpuInterfaceOptions) {
    this.interfaces = options.interfaces;
    this.sgis = options.sgis;
    this.currentCpu = options.currentCpu;
    this.settle = options.settle;
    this.unknown = options.unknown;
    this.control = new Uint16Array(options.interfaces.length);
  }

  /** True when group 0 is an FIQ for the core (FIQEn). */
  signalsFiq(cpu: number): boolean {
    return (this.control[cpu]! & CTLR_FIQEN) !== 0;
  }

  reset(): void {
    this.control.fill(0);
    for (const cpuInterface of this.interfaces) {
      cpuInterface.reset();
      this.settle(cpuInterface.cpu);
    }
  }

  saveState() {
    return { control: [...this.control], unknown: this.unknown.saveState() };
  }

  restoreState({ control, unknown }: ReturnType<GicV2CpuInterface['saveState']>): void {
    this.control.set(control);
    this.unknown.restoreState(unknown);
  }

  /** @throws BusAbort for accesses that are not 32 bits wide */
  read(offset: number, width: AccessWidth): number {
    requireWord(offset, width);
    const cpu = this.currentCpu();
    const own = this.interfaces[cpu]!;
    switch (offset) {
      case IAR:
        return this.acknowledge(cpu, own, GROUP0 | (this.control[cpu]! & CTLR_ACKCTL ? GROUP1 : 0));
      case AIAR:
        return this.acknowledge(cpu, own, GROUP1);
      case CTLR:
        return this.control[cpu]!;
      case PMR:
        return own.pmr;
      case BPR:
        return own.bpr0;
      case ABPR:
        return own.ownBpr1;
      case RPR:
        return own.runningPriority;
      case HPPIR:
        return this.highestPending(cpu, own, GROUP0 | (this.control[cpu]! & CTLR_ACKCTL ? GROUP1 : 0));
      case AHPPIR:
        return this.highestPending(cpu, own, GROUP1);
      case APR0:
        return own.activePriorities(0);
      case NSAPR0:
        return own.activePriorities(1);
      case IIDR:
        return IIDR_VALUE;
      case EOIR:
      case AEOIR:
      case DIR:
        return 0; // write-only
      default:
        if (!(offset > APR0 && offset < NSAPR_END)) this.unknown.report('read', offset, width, 0);
        return 0;
    }
  }

  /** @throws BusAbort for accesses that are not 32 bits wide */
  write(offset: number, width: AccessWidth, value: number): void {
    requireWord(offset, width);
    const cpu = this.currentCpu();
    const own = this.interfaces[cpu]!;
    switch (offset) {
      case EOIR:
        own.endInterrupt(own.groupOfInterrupt(value & INTID_MASK), value & INTID_MASK);
        break;
      case AEOIR:
        if (own.groupOfInterrupt(value & INTID_MASK) === GROUP1) own.endInterrupt(GROUP1, value & INTID_MASK);
        break;
      case DIR:
        own.deactivate(value & INTID_MASK);
        break;
      case CTLR:
        this.control[cpu] = value & CTLR_WRITABLE;
        own.enables = value & CTLR_ENABLES;
        own.commonBpr = (value & CTLR_CBPR) !== 0;
        own.splitEoi = (value & CTLR_EOIMODE) !== 0;
        break;
      case PMR:
        own.pmr = value;
        break;
      case BPR:
        own.bpr0 = value;
        break;
      case ABPR:
        own.ownBpr1 = value;
        break;
      case APR0:
        own.setActivePriorities(0, value);
        break;
      case NSAPR0:
        own.setActivePriorities(1, value);
        break;
      case IAR:
      case RPR:
      case HPPIR:
      case AIAR:
      case AHPPIR:
      case IIDR:
        break; // read-only
      default:
        if (!(offset > APR0 && offset < NSAPR_END)) this.unknown.report('write', offset, width, value);
    }
    this.settle(cpu);
  }

  private acknowledge(cpu: number, own: CpuInterface, groups: number): number {
    const intid = own.acknowledge(groups);
    if (intid === SPURIOUS) return groups === GROUP0 && own.signals() === GROUP1 ? OTHER_GROUP : SPURIOUS;
    const source = intid < FIRST_PPI ? this.sgis.acknowledge(cpu, intid) : 0;
    this.settle(cpu);
    return intid | (source << CPUID_SHIFT);
  }

  private highestPending(cpu: number, own: CpuInterface, groups: number): number {
    const intid = own.highestPendingIntid(groups);
    if (intid === SPURIOUS) {
      return groups === GROUP0 && own.highestPendingIntid(GROUP1) !== SPURIOUS ? OTHER_GROUP : SPURIOUS;
    }
    const sources = intid < FIRST_PPI ? this.sgis.sources(cpu, intid) : 0;
    return intid | (sources === 0 ? 0 : lowestBit(sources) << CPUID_SHIFT);
  }
}
