// SPDX-License-Identifier: GPL-2.0-only
/**
 * Interrupt registers common to a GICv2 distributor, a GICv3 distributor and a GICv3
 * redistributor's SGI frame: arrays with a bit, two bits or a byte for each INTID, at the same
 * offsets.
 *
 *     0x080 IGROUPR  0x100 ISENABLER  0x180 ICENABLER  0x280 ICPENDR  0x380 ICACTIVER     1 bit
 *     0x400 IPRIORITYR                                                                    8 bits
 *     0xc00 ICFGR                                                                         2 bits: bit 1 set = edge
 *
 * Specification: Arm IHI 0048 B.b, 4.3; IHI 0069 H, 12.9 and 12.11.
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import type { MmioPort, ProbePort } from '#kernel-ts/hal/ports.ts';
import { DEFAULT_PRIORITY, type Interrupt, InterruptControllerError } from './interrupt-controller.ts';

const IGROUPR = 0x080;
const ISENABLER = 0x100;
const ICENABLER = 0x180;
const ICPENDR = 0x280;
const ICACTIVER = 0x380;
const IPRIORITYR = 0x400;
const ICFGR = 0xc00;

const ALL = 0xffff_ffff;

/** Bank of 32-bit registers at `base`. */
export class RegisterBank {
  private readonly mmio: MmioPort;
  private readonly base: VirtAddr;

  constructor(mmio: MmioPort, base: VirtAddr) {
    this.mmio = mmio;
    this.base = base;
  }

  get(offset: number): number {
    return this.mmio.read32(virtAddr(this.base + BigInt(offset)));
  }

  set(offset: number, value: number): void {
    this.mmio.write32(virtAddr(this.base + BigInt(offset)), value >>> 0);
  }

  /**
   * Writes byte `index` of an array at `offset` by a word access: not every GIC accepts byte
   * accesses.
   */
  setByte(offset: number, index: number, value: number): void {
    const at = offset + index - (index % 4);
    const shift = 8 * (index % 4);
    this.set(at, (this.get(at) & ~(0xff << shift)) | (value << shift));
  }
}

/** Disables INTIDs [first, end), multiples of 32, and makes them inactive and not pending. */
export function quiet(bank: RegisterBank, first: number, end: number): void {
  for (let intid = first; intid < end; intid += 32) {
    const at = intid / 8;
    bank.set(ICENABLER + at, ALL);
    bank.set(ICPENDR + at, ALL);
    bank.set(ICACTIVER + at, ALL);
  }
}

/**
 * Puts INTIDs [first, end), multiples of 32, into group 1, which a GICv3 signals to the non-secure
 * side. Ignored where the secure side decides.
 */
export function toGroup1(bank: RegisterBank, first: number, end: number): void {
  for (let intid = first; intid < end; intid += 32) bank.set(IGROUPR + intid / 8, ALL);
}

/** Sets priority and trigger, and then enables the interrupt. */
export function enableIn(bank: RegisterBank, { intid, trigger }: Interrupt): void {
  bank.setByte(IPRIORITYR, intid, DEFAULT_PRIORITY);
  const at = ICFGR + Math.floor(intid / 16) * 4;
  const edge = 2 << (2 * (intid % 16));
  const configured = bank.get(at);
  bank.set(at, trigger === 'edge' ? configured | edge : configured & ~edge);
  bank.set(ISENABLER + Math.floor(intid / 32) * 4, 1 << (intid % 32));
}

export function disableIn(bank: RegisterBank, intid: number): void {
  bank.set(ICENABLER + Math.floor(intid / 32) * 4, 1 << (intid % 32));
}

/** PIDR2.ArchRev. */
const ARCHITECTURE = { shift: 4, mask: 0xf };

/**
 * Makes sure that a GIC of one of `versions` answers at `pidr2`, the address of its peripheral
 * identification register 2.
 * @throws InterruptControllerError it does not
 */
export function requireArchitecture(
  probe: ProbePort,
  what: string,
  pidr2: VirtAddr,
  versions: readonly number[],
): void {
  const value = probe.read32(pidr2);
  if (value === null) throw new InterruptControllerError(`nothing answers where the ${what} should be`);
  const version = (value >>> ARCHITECTURE.shift) & ARCHITECTURE.mask;
  if (!versions.includes(version)) {
    throw new InterruptControllerError(
      `the ${what} says in PIDR2 0x${value.toString(16)} that it is version ${version}`,
    );
  }
}

/** @throws InterruptControllerError when the controller has no such interrupt */
export function requireInterrupt(intid: number, interrupts: number): void {
  if (!(intid >= 0 && intid < interrupts)) {
    throw new InterruptControllerError(`there is no interrupt ${intid}: the controller has ${interrupts}`);
  }
}
