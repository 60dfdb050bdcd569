// SPDX-License-Identifier: GPL-2.0-only
/**
 * AArch64 system registers by their Arm ARM names, with the encoding that MRS and MSR carry.
 *
 * Not here: the registers' behaviour, which the engine or the machine implements. Source: Arm ARM
 * DDI 0487 K.a, D24 (AArch64 System Register Descriptions).
 */

import { REGISTER_NAMES } from './system-register-names.ts';

/** op0, op1, CRn, CRm, op2 of an MRS or MSR instruction. */
export type SystemRegisterEncoding = readonly [op0: number, op1: number, crn: number, crm: number, op2: number];

/** Encoding as a 16-bit number: the fields in the order of the MRS and MSR instructions. */
export function systemRegisterNumber([op0, op1, crn, crm, op2]: SystemRegisterEncoding): number {
  return (op0 << 14) | (op1 << 11) | (crn << 7) | (crm << 3) | op2;
}

/** Encodings by name, for every register that the machine itself reads, writes or emulates. */
export const SYSTEM_REGISTERS = {
  MIDR_EL1: [3, 0, 0, 0, 0],
  MPIDR_EL1: [3, 0, 0, 0, 5],
  ID_AA64PFR0_EL1: [3, 0, 0, 4, 0],
  ID_AA64PFR1_EL1: [3, 0, 0, 4, 1],
  ID_AA64MMFR0_EL1: [3, 0, 0, 7, 0],
  ID_AA64MMFR1_EL1: [3, 0, 0, 7, 1],
  SCTLR_EL1: [3, 0, 1, 0, 0],
  CPACR_EL1: [3, 0, 1, 0, 2],
  TTBR0_EL1: [3, 0, 2, 0, 0],
  TTBR1_EL1: [3, 0, 2, 0, 1],
  TCR_EL1: [3, 0, 2, 0, 2],
  SPSR_EL1: [3, 0, 4, 0, 0],
  ELR_EL1: [3, 0, 4, 0, 1],
  ESR_EL1: [3, 0, 5, 2, 0],
  FAR_EL1: [3, 0, 6, 0, 0],
  PAR_EL1: [3, 0, 7, 4, 0],
  MAIR_EL1: [3, 0, 10, 2, 0],
  VBAR_EL1: [3, 0, 12, 0, 0],
  ICC_PMR_EL1: [3, 0, 4, 6, 0],
  ICC_IAR1_EL1: [3, 0, 12, 12, 0],
  ICC_EOIR1_EL1: [3, 0, 12, 12, 1],
  ICC_BPR1_EL1: [3, 0, 12, 12, 3],
  ICC_CTLR_EL1: [3, 0, 12, 12, 4],
  ICC_SRE_EL1: [3, 0, 12, 12, 5],
  ICC_IGRPEN1_EL1: [3, 0, 12, 12, 7],
  CNTKCTL_EL1: [3, 0, 14, 1, 0],
  CNTFRQ_EL0: [3, 3, 14, 0, 0],
  CNTPCT_EL0: [3, 3, 14, 0, 1],
  CNTVCT_EL0: [3, 3, 14, 0, 2],
  CNTP_CTL_EL0: [3, 3, 14, 2, 1],
  CNTP_CVAL_EL0: [3, 3, 14, 2, 2],
  CNTV_CTL_EL0: [3, 3, 14, 3, 1],
  CNTV_CVAL_EL0: [3, 3, 14, 3, 2],
  SCTLR_EL2: [3, 4, 1, 0, 0],
  HCR_EL2: [3, 4, 1, 1, 0],
  SPSR_EL2: [3, 4, 4, 0, 0],
  ELR_EL2: [3, 4, 4, 0, 1],
  ESR_EL2: [3, 4, 5, 2, 0],
  FAR_EL2: [3, 4, 6, 0, 0],
  VBAR_EL2: [3, 4, 12, 0, 0],
  ICC_SRE_EL2: [3, 4, 12, 9, 5],
  CNTHCTL_EL2: [3, 4, 14, 1, 0],
  SCTLR_EL3: [3, 6, 1, 0, 0],
  SCR_EL3: [3, 6, 1, 1, 0],
  SPSR_EL3: [3, 6, 4, 0, 0],
  ELR_EL3: [3, 6, 4, 0, 1],
  ESR_EL3: [3, 6, 5, 2, 0],
  FAR_EL3: [3, 6, 6, 0, 0],
  VBAR_EL3: [3, 6, 12, 0, 0],
  ICC_SRE_EL3: [3, 6, 12, 12, 5],
} as const satisfies Record<string, SystemRegisterEncoding>;

export type SystemRegisterName = keyof typeof SYSTEM_REGISTERS;

const NAMES = new Map<string, SystemRegisterName>(
  Object.entries(SYSTEM_REGISTERS).map(([name, encoding]) => [encoding.join('_'), name as SystemRegisterName]),
);

/**
 * Name of a register, or the generic `S<op0>_<op1>_C<n>_C<m>_<op2>` that assemblers accept (Arm ARM
 * C5.1.5).
 */
export function systemRegisterName(encoding: SystemRegisterEncoding): string {
  const [op0, op1, crn, crm, op2] = encoding;
  const key = encoding.join('_');
  return NAMES.get(key) ?? REGISTER_NAMES[key] ?? `S${op0}_${op1}_C${crn}_C${crm}_${op2}`;
}
