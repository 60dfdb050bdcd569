// SPDX-License-Identifier: GPL-2.0-only
/** The values of a core's registers at one moment, by name. Two engines are compared by them. */

import type { MachineCore } from '#emulator/cpu/machine-core.ts';
import {
  type SystemRegisterEncoding,
  systemRegisterName,
  systemRegisterNumber,
} from '#emulator/engine/system-registers.ts';

/** Values in the order of {@link GENERAL} or {@link EVERY}. */
export type Picture = readonly bigint[];

const X_REGISTERS = 31;
const V_REGISTERS = 32;
/** NZCV, DAIF and M: the bits that both engines keep in PSTATE. */
const PSTATE_COMPARED = 0xf000_03dfn;

/**
 * TCR_EL1 of Armv8.0: Unicorn keeps what is written to the bits above, which are RES0 there. Linux
 * writes NFD1 and TBID1.
 */
const TCR_COMPARED = 2n ** 39n - 1n;
const TCR_EL1 = systemRegisterNumber([3, 0, 2, 0, 2]);

/**
 * System registers of EL1 and EL0: SCTLR, CPACR, translation, exceptions, memory types, threads,
 * FP.
 */
const SYSTEM: readonly SystemRegisterEncoding[] = [
  [3, 0, 1, 0, 0],
  [3, 0, 1, 0, 2],
  [3, 0, 2, 0, 0],
  [3, 0, 2, 0, 1],
  [3, 0, 2, 0, 2],
  [3, 0, 4, 0, 0],
  [3, 0, 4, 0, 1],
  [3, 0, 4, 1, 0],
  [3, 0, 5, 2, 0],
  [3, 0, 6, 0, 0],
  [3, 0, 7, 4, 0],
  [3, 0, 10, 2, 0],
  [3, 0, 12, 0, 0],
  [3, 0, 13, 0, 1],
  [3, 0, 13, 0, 4],
  [3, 3, 4, 4, 0],
  [3, 3, 4, 4, 1],
  [3, 3, 13, 0, 2],
  [3, 3, 13, 0, 3],
];

/**
 * Names of the registers that are compared at an exception, and of those of a whole comparison. At
 * an exception, ELR is compared instead of PC.
 */
export const GENERAL: readonly string[] = [
  ...Array.from({ length: X_REGISTERS }, (_, index) => `x${index}`),
  'sp',
  'pstate',
];
export const EVERY: readonly string[] = [
  ...GENERAL,
  'pc',
  ...Array.from({ length: V_REGISTERS }, (_, index) => `v${index}`),
  ...SYSTEM.map(systemRegisterName),
];

export function generalRegisters({ engine }: MachineCore): bigint[] {
  const values: bigint[] = [];
  for (let index = 0; index < X_REGISTERS; index++) values.push(engine.getX(index));
  values.push(engine.getSp(), BigInt(engine.getPstate() >>> 0) & PSTATE_COMPARED);
  return values;
}

export function everyRegister(core: MachineCore): bigint[] {
  const values = generalRegisters(core);
  values.push(core.engine.getPc());
  for (let index = 0; index < V_REGISTERS; index++) values.push(core.engine.getV(index));
  for (const encoding of SYSTEM) {
    const value = core.engine.getSystemRegister(encoding) ?? 0n;
    values.push(systemRegisterNumber(encoding) === TCR_EL1 ? value & TCR_COMPARED : value);
  }
  return values;
}

/** Names of the registers that differ. */
export const differing = (names: readonly string[], ours: Picture, theirs: Picture): string[] =>
  names.filter((_, index) => ours[index] !== theirs[index]);
