// SPDX-License-Identifier: GPL-2.0-only
/**
 * Small machine for tests of VirtualMemory: two banks, one device, and tables in RAM that a test
 * writes entry by entry.
 *
 *     0x0900_0000  256 bytes of registers      0x4000_0000  32 MiB, tables from its start on      0x8_8000_0000  32 MiB
 */

import { type VirtAddr, virtAddr } from '#common/address.ts';
import { DataAbort } from '#common/data-abort.ts';
import { Bus } from '#emulator/bus/bus.ts';
import type { BusAccessAbort } from '#emulator/bus/bus-errors.ts';
import { BusAbort, type Device } from '#emulator/bus/device.ts';
import { Clock } from '#emulator/timer/clock.ts';
import { PhysicalMemory } from '#emulator/memory/physical-memory.ts';
import { VirtualMemory } from '#emulator/cpu/virtual-memory.ts';

export const MIB = 2 ** 20;
export const CHUNK = 16 * MIB;
export const LOW = { base: 0x4000_0000, size: 2 * CHUNK };
export const HIGH = { base: 0x8_8000_0000, size: 2 * CHUNK };
export const DEVICE = 0x900_0000;
export const REFUSED = 0x10; // register of the device that answers nothing
const AF = 1n << 10n;
/** Bit AP[2] of a descriptor. */
export const READ_ONLY = 2n << 6n;
/** ESR of a data abort at EL1, without its fault status: of a load, of a store. */
export const READ = 0x9600_0000;
export const WRITE = 0x9600_0040;
/** Fault status of an external abort. */
export const EXTERNAL = 0x10;

/** Device that stores values and records each access. */
class Registers implements Device {
  readonly model = 'test registers';
  readonly accesses: string[] = [];
  read(offset: number, width: number): number {
    if (offset === REFUSED) throw new BusAbort('write only');
    this.accesses.push(`read${8 * width} ${offset}`);
    return (offset + 1) * 0x0101;
  }
  write(offset: number, width: number, value: number): void {
    if (offset === REFUSED) throw new BusAbort('read only');
    this.accesses.push(`write${8 * width} ${offset} ${value}`);
  }
  reset(): void {}
  saveState(): null {
    return null;
  }
  restoreState(): void {}
}

/** Tables at the start of the low bank, 4 KiB granule, and virtual memory over them. */
export class Fixture {
  readonly memory = new PhysicalMemory([LOW, HIGH]);
  readonly device = new Registers();
  readonly clock = new Clock(1e9);
  readonly refused: BusAccessAbort[] = [];
  readonly virtual: VirtualMemory;
  registerReads = 0;
  private nextTable = LOW.base + 4096;

  constructor() {
    const bus = new Bus();
    bus.attach({ name: 'registers@9000000', base: DEVICE, size: 0x100, device: this.device });
    this.virtual = new VirtualMemory({
      memory: this.memory,
      bus,
      clock: this.clock,
      physicalBits: 44,
      registers: () => {
        this.registerReads++;
        return { sctlr: 1n, tcr: 16n | (5n << 32n) | (1n << 23n), ttbr0: BigInt(LOW.base), ttbr1: 0n };
      },
      refused: (abort) => this.refused.push(abort),
    });
  }

  /** Writes the leaf of `level` for `va`; a leaf of 0 unmaps it. No TLB maintenance. */
  map(va: number, pa: number, attributes = 0n, level = 3): void {
    this.entry(va, level, BigInt(pa) | attributes | AF | (level === 3 ? 3n : 1n));
  }

  unmap(va: number, level = 3): void {
    this.entry(va, level, 0n);
  }

  private entry(va: number, level: number, descriptor: bigint): void {
    let table = LOW.base;
    for (let at = 0; ; at++) {
      const slot = table + (Math.floor(va / 2 ** (39 - 9 * at)) % 512) * 8;
      if (at === level) {
        this.memory.write64(slot, descriptor);
        return;
      }
      if (this.memory.read64(slot) === 0n) {
        this.memory.write64(slot, BigInt(this.nextTable) | 3n);
        this.nextTable += 4096;
      }
      table = Number(this.memory.read64(slot) & 0xffff_ffff_f000n);
    }
  }
}

/** ESR and FAR of the fault that `access` causes. */
export function faultOf(access: () => unknown): { esr: number; far: bigint } {
  try {
    access();
  } catch (error) {
    if (error instanceof DataAbort) return { esr: error.esr, far: error.far };
    throw error;
  }
  throw new Error('no fault');
}

/** `va` as a virtual address. */
export const at = (va: number): VirtAddr => virtAddr(BigInt(va));
/** Virtual page that tests map. */
export const PAGE = 0x10_0000;

/** Parts of a fixture for use in a test, with `map` bound. */
export function bind(fixture: Fixture) {
  return { fixture, virtual: fixture.virtual, map: fixture.map.bind(fixture) };
}
