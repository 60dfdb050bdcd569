// SPDX-License-Identifier: GPL-2.0-only
/**
 * Core types: the values of their ID registers. The own core has exactly the extensions that these
 * claim (features.ts).
 *
 * Some values differ from the silicon's, to describe this core: AArch64 only at every level
 * (ID_AA64PFR0_EL1), PMUv3 (ID_AA64DFR0_EL1.PMUVer), no statistical profiling, two levels of cache.
 * The machine sets the field of the interrupt controller.
 *
 * Source: Technical Reference Manuals: Cortex-A53 r0p4 (DDI 0500), Cortex-A55 r2p0 (100442),
 * Cortex-A72 r0p3 (100095), Cortex-A76 r4p1 (100798), Cortex-X1 r1p1 (101433). Apart from these
 * differences, the values of A55 and A76 equal QEMU's (target/arm/tcg/cpu64.c of 8.1). No emulator
 * has X1 to compare with.
 */

import { systemRegisterNumber } from '#emulator/engine/system-registers.ts';
import { claimedFeatures, type Features } from './features.ts';
import { ID_REGISTERS, type IdRegister, type IdValues } from './id-registers.ts';

/**
 * CCSIDR_EL1 of each cache, by CSSELR_EL1: 0 and 1 are the data and instruction caches of level 1.
 */
type CacheSizes = readonly [data: bigint, code: bigint, second: bigint];

export interface CoreType {
  readonly name: string;
  /** MIDR_EL1.PartNum; the implementer is Arm. */
  readonly part: number;
  /** ID registers by systemRegisterNumber. */
  readonly registers: ReadonlyMap<number, bigint>;
  readonly caches: CacheSizes;
  readonly has: Features;
  /** Width of a physical address in bits: ID_AA64MMFR0_EL1.PARange. */
  readonly physicalBits: number;
  /** ID_AA64DFR0_EL1: BRPs and WRPs. */
  readonly breakpoints: number;
  readonly watchpoints: number;
}

/** Physical address widths by ID_AA64MMFR0_EL1.PARange. */
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

/**
 * Caches with lines of 64 bytes: 32 and 64 KiB of four ways, 48 KiB of three, and those of level 2.
 */
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
  // PFR0 of this type does not claim CSV2 and CSV3 (speculation without side effects).
  coreType('cortex-a55', 0xd05, [KIB_32, CODE_32, 0x703f_e07an], {
    ...ARMV8_2,
    ID_AA64PFR0_EL1: 0x1011_1111n,
    CTR_EL0: 0x8444_8004n,
  }),
  CORTEX_A72,
  coreType('cortex-a76', 0xd0b, [KIB_64, CODE_64, 0x707f_e03an], ARMV8_2),
  coreType('cortex-x1', 0xd44, [KIB_64, CODE_64, 0x70ff_e03an], { ...ARMV8_2, CTR_EL0: 0x9444_c004n }),
];

/** Core type by MIDR_EL1; for an unknown one, the type of Unicorn's cores. */
export function coreTypeOf(midr: number): CoreType {
  const part = (midr >>> 4) & 0xfff;
  return CORE_TYPES.find((type) => type.part === part) ?? CORTEX_A72;
}
