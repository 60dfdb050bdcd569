// SPDX-License-Identifier: GPL-2.0-only
/**
 * GICv2: a distributor, and a banked CPU interface: each core accesses its own at the same address.
 *
 *     distributor     0x000 CTLR   0x004 TYPER   0x080.. (gic-registers.ts)   0x800 ITARGETSR, a byte for each INTID
 *     CPU interface   0x000 CTLR   0x004 PMR     0x008 BPR   0x00c IAR        0x010 EOIR
 *
 * Interrupts stay in the group of their reset state, and bit 0 of both control registers enables
 * the group that this side sees (IHI 0048, 4.3.1).
 *
 * Specification: Arm Generic Interrupt Controller Architecture, version 2.0, IHI 0048 B.b.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import type { Ports } from '#kernel-ts/hal/ports.ts';
import { disableIn, enableIn, quiet, RegisterBank, requireArchitecture, requireInterrupt } from './gic-registers.ts';
import {
  FIRST_SPECIAL_INTID,
  FIRST_SPI,
  type Interrupt,
  type InterruptController,
  PRIORITY_MASK,
} from './interrupt-controller.ts';

const GICD_CTLR = 0x000;
const GICD_TYPER = 0x004;
const TYPER_LINES = 0x1f; // 32 (N + 1) interrupts
const GICD_ITARGETSR = 0x800;
const GICD_PIDR2 = 0xfe8n;

const GICC_CTLR = 0x000;
const GICC_PMR = 0x004;
const GICC_BPR = 0x008;
const GICC_IAR = 0x00c;
const GICC_EOIR = 0x010;
const IAR_INTID = 0x3ff;

const ENABLE = 1;

/** GICv2 whose distributor and CPU interface are mapped at the given addresses. */
export class GicV2 implements InterruptController {
  readonly name = 'GICv2';
  interrupts = 0;
  private readonly ports: Pick<Ports, 'mmio' | 'probe'>;
  private readonly base: VirtAddr;
  private readonly distributor: RegisterBank;
  private readonly cpuInterface: RegisterBank;

  constructor(ports: Pick<Ports, 'mmio' | 'probe'>, distributor: VirtAddr, cpuInterface: VirtAddr) {
    this.ports = ports;
    this.base = distributor;
    this.distributor = new RegisterBank(ports.mmio, distributor);
    this.cpuInterface = new RegisterBank(ports.mmio, cpuInterface);
  }

  init(): void {
    requireArchitecture(this.ports.probe, 'distributor', virtAddr(this.base + GICD_PIDR2), [1, 2]);
    const distributor = this.distributor;
    distributor.set(GICD_CTLR, 0);
    this.interrupts = Math.min(32 * ((distributor.get(GICD_TYPER) & TYPER_LINES) + 1), FIRST_SPECIAL_INTID);
    quiet(distributor, 0, this.interrupts);
    distributor.set(GICD_CTLR, ENABLE);
    this.cpuInterface.set(GICC_PMR, PRIORITY_MASK);
    this.cpuInterface.set(GICC_BPR, 0);
    this.cpuInterface.set(GICC_CTLR, ENABLE);
  }

  enable(interrupt: Interrupt): void {
    requireInterrupt(interrupt.intid, this.interrupts);
    if (interrupt.intid >= FIRST_SPI) {
      this.distributor.setByte(GICD_ITARGETSR, interrupt.intid, this.ownTarget());
    }
    enableIn(this.distributor, interrupt);
  }

  disable(intid: number): void {
    disableIn(this.distributor, intid);
  }

  acknowledge(): number | null {
    const intid = this.cpuInterface.get(GICC_IAR) & IAR_INTID;
    return intid < FIRST_SPECIAL_INTID ? intid : null;
  }

  close(): void {
    this.cpuInterface.set(GICC_CTLR, 0);
    quiet(this.distributor, 0, this.interrupts);
  }

  complete(intid: number): void {
    this.cpuInterface.set(GICC_EOIR, intid);
  }

  /**
   * Bit of the calling core, read from the targets of its private interrupts; 0 on a single core.
   */
  private ownTarget(): number {
    for (let intid = 0; intid < FIRST_SPI; intid += 4) {
      const word = this.distributor.get(GICD_ITARGETSR + intid);
      const targets = (word | (word >>> 8) | (word >>> 16) | (word >>> 24)) & 0xff;
      if (targets !== 0) return targets;
    }
    return 1;
  }
}
