// SPDX-License-Identifier: GPL-2.0-only
/**
 * Configuration space (ECAM) of a PCIe host bridge without any device behind it.
 *
 *     offset  27      20 19    15 14    12 11          0
 *            |   bus    | device | function | register  |        4 KiB for each function
 *
 * Function 0:0.0 is the host bridge of QEMU's `virt` board (1b36:0008), with the 256 bytes of a
 * conventional function. Every other function reads all ones, which means that no device answered;
 * writes there are ignored. Writable bits of the host bridge are those of the command register, the
 * cache line size and the interrupt line; they are stored without effect.
 *
 * Specification: PCI Express Base Specification 5.0, 7.2.2 (ECAM) and 7.5.1.1 (header). Header and
 * write masks read from QEMU 7.2.
 */

import type { AccessWidth, Device } from '#emulator/bus/device.ts';

/** Size of the host bridge's own space. The rest of its 4 KiB reads all ones. */
const HEADER_BYTES = 256;

/** Registers that are not 0 at reset: vendor and device, class (host bridge), subsystem. */
const RESET_VALUES = new Map([
  [0x00, 0x0008_1b36],
  [0x08, 0x0600_0000],
  [0x2c, 0x1100_1af4],
]);

/** Writable bits: I/O, memory, bus master, SERR, INTx disable; cache line size; interrupt line. */
const WRITABLE = new Map([
  [0x04, 0x0000_0507],
  [0x0c, 0x0000_00ff],
  [0x3c, 0x0000_00ff],
]);

/** Empty PCIe bus. The board gives its size: 1 MiB for each bus number. */
export class PcieEcam implements Device {
  readonly model = 'PCIe ECAM';
  private readonly registers = new Map(RESET_VALUES);

  reset(): void {
    this.registers.clear();
    for (const [register, value] of RESET_VALUES) this.registers.set(register, value);
  }

  saveState() {
    return { registers: Array.from(this.registers, ([register, value]) => ({ register, value })) };
  }

  restoreState({ registers }: ReturnType<PcieEcam['saveState']>): void {
    this.registers.clear();
    for (const { register, value } of registers) this.registers.set(register, value);
  }

  read(offset: number): number {
    const word = offset < HEADER_BYTES ? this.word(offset - (offset % 4)) : 0xffff_ffff;
    return word >>> (8 * (offset % 4));
  }

  write(offset: number, width: AccessWidth, value: number): void {
    const register = offset - (offset % 4);
    const writable = offset < HEADER_BYTES ? (WRITABLE.get(register) ?? 0) : 0;
    if (writable === 0) return;
    const lanes = width === 4 ? 0xffff_ffff : (width === 1 ? 0xff : 0xffff) << (8 * (offset % 4));
    const mask = writable & lanes;
    this.registers.set(register, ((this.word(register) & ~mask) | ((value << (8 * (offset % 4))) & mask)) >>> 0);
  }

  private word(register: number): number {
    return this.registers.get(register) ?? 0;
  }
}
