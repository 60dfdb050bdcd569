// SPDX-License-Identifier: GPL-2.0-only
/** A core at EL1 with its low half translated by tables of the test's own. Not a test. */

import type { CoreRegisters } from '#emulator/engine/engine.ts';
import { SYSTEM_REGISTERS } from '#emulator/engine/system-registers.ts';

const PSTATE_EL1H = 0x3c5;

/**
 * @param table physical address of the level 1 table: 4 KiB granule, 39-bit addresses, entries of 1
 * GiB; the high half is off
 */
export function translateLowHalf(engine: CoreRegisters, table: number): void {
  const set = (name: keyof typeof SYSTEM_REGISTERS, value: bigint) => {
    engine.setSystemRegister(SYSTEM_REGISTERS[name], value);
  };
  set('SCR_EL3', 0x531n);
  set('HCR_EL2', 1n << 31n);
  engine.setPstate(PSTATE_EL1H);
  set('MAIR_EL1', 0xffn);
  set('TTBR0_EL1', BigInt(table));
  // T0SZ = T1SZ = 25, EPD1.
  set('TCR_EL1', 25n | (25n << 16n) | (1n << 23n) | (2n << 30n));
  set('SCTLR_EL1', 0x30d0_1805n);
}
