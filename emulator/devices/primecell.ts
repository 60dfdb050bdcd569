// SPDX-License-Identifier: GPL-2.0-only
/**
 * Identification registers of an Arm PrimeCell: eight registers at the end of its 4 KiB, one byte
 * in each.
 *
 *     0xfe0 PeriphID0 ┐ part number, designer    0xff0 PCellID0 ┐ 0d f0 05 b1
 *        …  PeriphID3 ┘ revision, configuration     …  PCellID3 ┘
 *
 * Linux binds its driver to these bytes, whatever the device tree says (drivers/amba/bus.c reads
 * them at probe).
 *
 * Specification: Arm DDI 0224 (PL031), 3.3.9 and 3.3.10; Arm DDI 0190 (PL061), 3.3.11 and 3.3.12.
 */

const IDENTIFICATION = 0xfe0;

/** PCellID0..3, the same for every PrimeCell. */
export const PRIMECELL_ID = [0x0d, 0xf0, 0x05, 0xb1] as const;

/**
 * Identification byte at `offset` (bytes from the device's base), or null where there is none.
 * @param peripheralId PeriphID0..3
 */
export function identificationByte(peripheralId: readonly number[], offset: number): number | null {
  const index = (offset - IDENTIFICATION) / 4;
  return [...peripheralId, ...PRIMECELL_ID][index] ?? null;
}
