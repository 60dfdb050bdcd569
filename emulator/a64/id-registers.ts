// SPDX-License-Identifier: GPL-2.0-only
/** Identification registers, whose values differ between core types. */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';

export const ID_REGISTERS = {
  REVIDR_EL1: [3, 0, 0, 0, 6],
  MVFR0_EL1: [3, 0, 0, 3, 0],
  MVFR1_EL1: [3, 0, 0, 3, 1],
  MVFR2_EL1: [3, 0, 0, 3, 2],
  ID_AA64PFR0_EL1: [3, 0, 0, 4, 0],
  ID_AA64PFR1_EL1: [3, 0, 0, 4, 1],
  ID_AA64DFR0_EL1: [3, 0, 0, 5, 0],
  ID_AA64ISAR0_EL1: [3, 0, 0, 6, 0],
  ID_AA64ISAR1_EL1: [3, 0, 0, 6, 1],
  ID_AA64MMFR0_EL1: [3, 0, 0, 7, 0],
  ID_AA64MMFR1_EL1: [3, 0, 0, 7, 1],
  ID_AA64MMFR2_EL1: [3, 0, 0, 7, 2],
  CLIDR_EL1: [3, 1, 0, 0, 1],
  CTR_EL0: [3, 3, 0, 0, 1],
  DCZID_EL0: [3, 3, 0, 0, 7],
} as const satisfies Record<string, SystemRegisterEncoding>;

export type IdRegister = keyof typeof ID_REGISTERS;
export type IdValues = Readonly<Partial<Record<IdRegister, bigint>>>;
