// SPDX-License-Identifier: GPL-2.0-only
/**
 * GICv3: a distributor for the shared interrupts, a redistributor for each core's private ones, and
 * the CPU interface in system registers.
 *
 *     GICD  0x0000 CTLR  0x0004 TYPER  0x0080.. (gic-registers.ts, SPIs)  0x6000 + 8 INTID IROUTER
 *     GICR  frame 0 (RD):   0x0000 CTLR  0x0008 TYPER  0x0014 WAKER
 *           frame 1 (SGI), 0x10000 on: gic-registers.ts, INTIDs 0-31
 *     ICC   SRE, PMR, BPR1, CTLR, IGRPEN1; IAR1, EOIR1
 *
 * The private interrupts belong to the redistributor: their bits in the distributor do nothing (IHI
 * 0069, 4.5).
 *
 * Specification: Arm Generic Interrupt Controller Architecture, version 3 and 4, IHI 0069 H,
 * chapter 12.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import {
  disableIn,
  enableIn,
  quiet,
  RegisterBank,
  requireArchitecture,
  requireInterrupt,
  toGroup1,
} from './gic-registers.ts';
import {
  FIRST_SPECIAL_INTID,
  FIRST_SPI,
  type Interrupt,
  type InterruptController,
  InterruptControllerError,
  PRIORITY_MASK,
} from './interrupt-controller.ts';

// In a single security state: 0 EnableGrp0, 1 EnableGrp1. In the non-secure view: 0 and 1 enable
// group 1. 4 ARE, 31 RWP.
const GICD_CTLR = 0x0000;
const CTLR_ENABLE_GROUP1 = 3;
const CTLR_ARE = 1 << 4;
const CTLR_RWP = 1 << 31;
const GICD_TYPER = 0x0004;
const TYPER_LINES = 0x1f;
const GICD_IROUTER = 0x6000;

const GICR_CTLR = 0x0000;
const GICR_CTLR_RWP = 1 << 3;
const GICR_TYPER = 0x0008;
const TYPER_VLPIS = 1 << 1; // two more frames
const TYPER_LAST = 1 << 4;
const GICR_WAKER = 0x0014;
const WAKER_PROCESSOR_SLEEP = 1 << 1;
const WAKER_CHILDREN_ASLEEP = 1 << 2;
const SGI_FRAME = 0x1_0000;

/** Offset in the distributor and in a redistributor's first frame. */
const PIDR2 = 0xffe8n;

const PFR0_GIC_SHIFT = 24n;
const SRE_ENABLE = 1n;
const EOI_DROPS_AND_DEACTIVATES = 0n;
const INTID_MASK = 0xff_ffff;
const AFFINITY = 0xff_00ff_ffffn;

/** Size of a core's redistributor in bytes, without and with virtual LPIs. */
export const REDISTRIBUTOR_BYTES = 0x2_0000;
/** Reads of a status bit before the driver gives up; hardware answers within a few. */
const POLL_LIMIT = 10_000;

/** Regions of redistributors, in the order of the device tree. */
export interface RedistributorRegions {
  readonly regions: readonly { readonly base: VirtAddr; readonly bytes: number }[];
  /** Maps the frames at `base` before they are read; returns false when that is impossible. */
  reach(base: VirtAddr, bytes: number): boolean;
}

type GicV3Context = Pick<Ports, 'mmio' | 'probe' | 'registers'>;

/** GICv3 whose distributor is mapped at `distributor`. */
export class GicV3 implements InterruptController {
  readonly name = 'GICv3';
  interrupts = 0;
  private readonly ports: GicV3Context;
  private readonly registers: GicV3Context['registers'];
  private readonly base: VirtAddr;
  private readonly distributor: RegisterBank;
  private readonly redistributors: RedistributorRegions;
  private private: RegisterBank | null = null;

  constructor(ports: GicV3Context, distributor: VirtAddr, redistributors: RedistributorRegions) {
    this.ports = ports;
    this.registers = ports.registers;
    this.base = distributor;
    this.distributor = new RegisterBank(ports.mmio, distributor);
    this.redistributors = redistributors;
  }

  init(): void {
    const { probe, registers } = this.ports;
    if (((registers.read('ID_AA64PFR0_EL1') >> PFR0_GIC_SHIFT) & 0xfn) === 0n) {
      throw new InterruptControllerError('this core has no system registers for a GICv3 (ID_AA64PFR0_EL1.GIC is 0)');
    }
    requireArchitecture(probe, 'distributor', virtAddr(this.base + PIDR2), [3, 4]);
    this.openDistributor();
    this.openRedistributor(this.findRedistributor(this.affinity()));
    this.openCpuInterface();
  }

  enable(interrupt: Interrupt): void {
    requireInterrupt(interrupt.intid, this.interrupts);
    if (interrupt.intid >= FIRST_SPI) {
      const affinity = this.affinity();
      const route = GICD_IROUTER + 8 * interrupt.intid;
      this.distributor.set(route, Number(affinity & 0xff_ffffn));
      this.distributor.set(route + 4, Number(affinity >> 32n));
    }
    enableIn(this.bankOf(interrupt.intid), interrupt);
  }

  disable(intid: number): void {
    disableIn(this.bankOf(intid), intid);
  }

  acknowledge(): number | null {
    const intid = Number(this.registers.read('ICC_IAR1_EL1')) & INTID_MASK;
    return intid < FIRST_SPECIAL_INTID ? intid : null;
  }

  close(): void {
    this.registers.write('ICC_IGRPEN1_EL1', 0n);
    quiet(this.distributor, FIRST_SPI, this.interrupts - (this.interrupts % 32));
    quiet(this.bankOf(0), 0, FIRST_SPI);
  }

  complete(intid: number): void {
    this.registers.write('ICC_EOIR1_EL1', BigInt(intid));
  }

  /** Affinity of the calling core. */
  private affinity(): bigint {
    return this.registers.read('MPIDR_EL1') & AFFINITY;
  }

  private openDistributor(): void {
    const distributor = this.distributor;
    distributor.set(GICD_CTLR, 0);
    waitClear(distributor, GICD_CTLR, CTLR_RWP, 'GICD_CTLR');
    this.interrupts = Math.min(32 * ((distributor.get(GICD_TYPER) & TYPER_LINES) + 1), FIRST_SPECIAL_INTID);
    const end = this.interrupts - (this.interrupts % 32);
    toGroup1(distributor, FIRST_SPI, end);
    quiet(distributor, FIRST_SPI, end);
    distributor.set(GICD_CTLR, CTLR_ARE | CTLR_ENABLE_GROUP1);
    waitClear(distributor, GICD_CTLR, CTLR_RWP, 'GICD_CTLR');
  }

  /**
   * Redistributor whose TYPER has this core's affinity. @throws InterruptControllerError when there
   * is none
   */
  private findRedistributor(affinity: bigint): VirtAddr {
    const wanted = Number(affinity & 0xff_ffffn) + Number(affinity >> 32n) * 2 ** 24;
    for (const { base, bytes } of this.redistributors.regions) {
      for (let offset = 0; offset + REDISTRIBUTOR_BYTES <= bytes; ) {
        const at = virtAddr(base + BigInt(offset));
        if (!this.redistributors.reach(at, REDISTRIBUTOR_BYTES)) {
          throw new InterruptControllerError(`a redistributor at 0x${at.toString(16)} cannot be mapped`);
        }
        requireArchitecture(this.ports.probe, 'redistributor', virtAddr(at + PIDR2), [3, 4]);
        const frame = new RegisterBank(this.ports.mmio, at);
        if (frame.get(GICR_TYPER + 4) === wanted) return at;
        const typer = frame.get(GICR_TYPER);
        if ((typer & TYPER_LAST) !== 0) break;
        offset += (typer & TYPER_VLPIS) === 0 ? REDISTRIBUTOR_BYTES : 2 * REDISTRIBUTOR_BYTES;
      }
    }
    throw new InterruptControllerError(`no redistributor has the affinity 0x${affinity.toString(16)} of this core`);
  }

  private openRedistributor(base: VirtAddr): void {
    const { mmio } = this.ports;
    const frame = new RegisterBank(mmio, base);
    frame.set(GICR_WAKER, frame.get(GICR_WAKER) & ~WAKER_PROCESSOR_SLEEP);
    waitClear(frame, GICR_WAKER, WAKER_CHILDREN_ASLEEP, 'GICR_WAKER');
    const bank = new RegisterBank(mmio, virtAddr(base + BigInt(SGI_FRAME)));
    toGroup1(bank, 0, FIRST_SPI);
    quiet(bank, 0, FIRST_SPI);
    waitClear(frame, GICR_CTLR, GICR_CTLR_RWP, 'GICR_CTLR');
    this.private = bank;
  }

  private openCpuInterface(): void {
    const registers = this.registers;
    registers.write('ICC_SRE_EL1', registers.read('ICC_SRE_EL1') | SRE_ENABLE);
    if ((registers.read('ICC_SRE_EL1') & SRE_ENABLE) === 0n) {
      throw new InterruptControllerError('ICC_SRE_EL1.SRE stays 0: firmware did not enable the system registers');
    }
    registers.write('ICC_PMR_EL1', BigInt(PRIORITY_MASK));
    registers.write('ICC_BPR1_EL1', 0n);
    registers.write('ICC_CTLR_EL1', EOI_DROPS_AND_DEACTIVATES);
    registers.write('ICC_IGRPEN1_EL1', 1n);
  }

  private bankOf(intid: number): RegisterBank {
    if (intid >= FIRST_SPI) return this.distributor;
    if (this.private === null) throw new RangeError(`interrupt ${intid} before init`);
    return this.private;
  }
}

function waitClear(bank: RegisterBank, offset: number, mask: number, name: string): void {
  for (let tries = 0; tries < POLL_LIMIT; tries++) {
    if ((bank.get(offset) & mask) === 0) return;
  }
  throw new InterruptControllerError(`${name} still has 0x${(mask >>> 0).toString(16)} set after ${POLL_LIMIT} reads`);
}
