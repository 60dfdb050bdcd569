// SPDX-License-Identifier: GPL-2.0-only
/**
 * Types of cores: what their ID registers say. The own core has the extensions that they claim
 * (features.ts), and no others.
 *
 * Where a value differs from the silicon's it says what this core is: AArch64 alone at every level
 * (ID_AA64PFR0_EL1), the monitors of PMUv3 (ID_AA64DFR0_EL1.PMUVer), no statistical profiling, two
 * levels of cache. The interrupt controller's field is the machine's.
 *
 * Source: Technical Reference Manuals: Cortex-A53 r0p4 (DDI 0500), Cortex-A55 r2p0 (100442),
 * Cortex-A72 r0p3 (100095), Cortex-A76 r4p1 (100798), Cortex-X1 r1p1 (101433). Those of A55 and A76
 * are QEMU's too (target/arm/tcg/cpu64.c of 8.1), but for what is said above; X1 is in no emulator
 * to compare with.
 */

import { systemRegisterNumber } from '#emulator/engine/system-registers.ts';
import { claimedFeatures, type Features } from './features.ts';
import { ID_REGISTERS, type IdRegister, type IdValues } from './id-registers.ts';

/** What CCSIDR_EL1 says of a cache, by CSSELR_EL1: 0 and 1 are the first level's data and code. */
type CacheSizes = readonly [data: bigint, code: bigint, second: bigint];

export interface CoreType {
  readonly name: string;
  /** MIDR_EL1.PartNum; the implementer is Arm. */
  readonly part: number;
  /** By the number of their encoding. */
  readonly registers: ReadonlyMap<number, bigint>;
  readonly caches: CacheSizes;
  readonly has: Features;
  /** Bits of a physical address: ID_AA64MMFR0_EL1.PARange. */
  readonly physicalBits: number;
  /** ID_AA64DFR0_EL1: BRPs and WRPs. */
  readonly breakpoints: number;
  readonly watchpoints: number;
}

/** ID_AA64MMFR0_EL1.PARange. */
const PHYSICAL_BITS = [32, 36, 40, 42, 44, 48] as const;

function coreType(name: string, part: number, caches: CacheSizes, values: IdValues): CoreType {
  const field = (register: IdRegister, shift: bigint): number => Number(((values[register] ?? 0n) >> shift) & 15n);
  return {
    name,
    part,
    caches,
    registers: new Map(
      (Object.keys(ID_REGISTERS) as IdRegister[]).map((register) => [
        systemRegisterNumber(ID_REGISTERS[register]),
        values[register] ?? 0n,
      ]),
    ),
    has: claimedFeatures(values),
    physicalBits: PHYSICAL_BITS[field('ID_AA64MMFR0_EL1', 0n)] ?? 48,
    breakpoints: field('ID_AA64DFR0_EL1', 12n) + 1,
    watchpoints: field('ID_AA64DFR0_EL1', 20n) + 1,
  };
}

const ARMV8_0: IdValues = {
  MVFR0_EL1: 0x1011_0222n,
  MVFR1_EL1: 0x1211_1111n,
  MVFR2_EL1: 0x43n,
  ID_AA64PFR0_EL1: 0x1111n,
  ID_AA64DFR0_EL1: 0x1030_5106n,
  ID_AA64ISAR0_EL1: 0x1_1120n,
  CLIDR_EL1: 0x0a20_0023n,
  DCZID_EL0: 4n,
};

const ARMV8_2: IdValues = {
  MVFR0_EL1: 0x1011_0222n,
  MVFR1_EL1: 0x1321_1111n,
  MVFR2_EL1: 0x43n,
  ID_AA64PFR0_EL1: 0x1100_0000_1011_1111n,
  ID_AA64PFR1_EL1: 0x10n,
  ID_AA64DFR0_EL1: 0x1030_5108n,
  ID_AA64ISAR0_EL1: 0x1000_1021_1120n,
  ID_AA64ISAR1_EL1: 0x10_0001n,
  ID_AA64MMFR0_EL1: 0x10_1122n,
  ID_AA64MMFR1_EL1: 0x1021_2122n,
  ID_AA64MMFR2_EL1: 0x1011n,
  CLIDR_EL1: 0x8200_0023n,
  CTR_EL0: 0x8444_c004n,
  DCZID_EL0: 4n,
};

/** Lines of 64 bytes: 32 and 64 KiB of four ways, 48 of three, and the second levels. */
const KIB_32 = 0x700f_e01an;
const KIB_64 = 0x701f_e01an;
const CODE_32 = 0x200f_e01an;
const CODE_64 = 0x201f_e01an;

export const CORTEX_A72: CoreType = coreType('cortex-a72', 0xd08, [0x701f_e00an, 0x201f_e012n, 0x70ff_e07an], {
  ...ARMV8_0,
  ID_AA64MMFR0_EL1: 0x1124n,
  CTR_EL0: 0x8444_c004n,
});

const CORE_TYPES: readonly CoreType[] = [
  coreType('cortex-a53', 0xd03, [KIB_32, 0x201f_e00an, 0x707f_e07an], {
    ...ARMV8_0,
    REVIDR_EL1: 0x100n,
    ID_AA64MMFR0_EL1: 0x1122n,
    CTR_EL0: 0x8444_8004n,
  }),
  // Its PFR0 does not claim that speculation is without side effects (CSV2, CSV3).
  coreType('cortex-a55', 0xd05, [KIB_32, CODE_32, 0x703f_e07an], {
    ...ARMV8_2,
    ID_AA64PFR0_EL1: 0x1011_1111n,
    CTR_EL0: 0x8444_8004n,
  }),
  CORTEX_A72,
  coreType('cortex-a76', 0xd0b, [KIB_64, CODE_64, 0x707f_e03an], ARMV8_2),
  coreType('cortex-x1', 0xd44, [KIB_64, CODE_64, 0x70ff_e03an], { ...ARMV8_2, CTR_EL0: 0x9444_c004n }),
];

/** The type of a core by its MIDR_EL1. One that is not known is what Unicorn's cores are. */
export function coreTypeOf(midr: number): CoreType {
  const part = (midr >>> 4) & 0xfff;
  return CORE_TYPES.find((type) => type.part === part) ?? CORTEX_A72;
}
