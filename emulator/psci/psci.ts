// SPDX-License-Identifier: GPL-2.0-only
/**
 * PSCI of the machine's secure firmware: function identifier in w0, arguments in x1 to x3, result
 * in x0.
 *
 * The model begins after reset firmware has left EL3: the machine serves the calls, not code at
 * EL3. core-calls.ts executes CPU_ON, CPU_OFF, CPU_SUSPEND and AFFINITY_INFO before a call comes
 * here.
 *
 * Specification: Arm DEN 0022 F (PSCI 1.1), 5.1 (functions) and 5.2 (return codes); Arm DEN 0028
 * (SMC Calling Convention 1.1), 7.
 */

import { hex } from '#common/address.ts';

/** Function identifiers; the SMC64 form of a function has bit 30 set. */
export const PSCI = {
  VERSION: 0x8400_0000,
  CPU_SUSPEND: 0x8400_0001,
  CPU_OFF: 0x8400_0002,
  CPU_ON: 0x8400_0003,
  AFFINITY_INFO: 0x8400_0004,
  MIGRATE_INFO_TYPE: 0x8400_0006,
  SYSTEM_OFF: 0x8400_0008,
  SYSTEM_RESET: 0x8400_0009,
  FEATURES: 0x8400_000a,
  SMCCC_VERSION: 0x8000_0000,
} as const;

/**
 * Functions that take addresses or core names, and so have a 64-bit form too (Arm DEN 0022, 5.1).
 */
const HAVE_64_BIT_FORM: ReadonlySet<number> = new Set([PSCI.CPU_SUSPEND, PSCI.CPU_ON, PSCI.AFFINITY_INFO]);

const NAMES = new Map<number, string>(Object.entries(PSCI).map(([name, id]) => [id, name]));

/** Results of the functions for single cores (Arm DEN 0022, 5.2.2). */
export const PSCI_RESULT = { SUCCESS: 0n, INVALID_PARAMETERS: -2n, ALREADY_ON: -4n } as const;

export const PSCI_SUCCESS = 0n;
export const PSCI_NOT_SUPPORTED = -1n;

/** PSCI 1.1: the major version is in bits 31:16. */
const PSCI_VERSION_1_1 = 0x1_0001n;
/** SMCCC 1.1. */
const SMCCC_VERSION_1_1 = 0x1_0001n;
/** MIGRATE_INFO_TYPE: there is no trusted OS that needs migration. */
const MIGRATION_NOT_REQUIRED = 2n;

/** Effect of a call on the machine, besides its return value. */
export interface PsciAnswer {
  readonly result: bigint;
  readonly power?: 'off' | 'reset';
}

/** Answers a call. Unknown functions return NOT_SUPPORTED, as SMCCC requires. */
export function answerPsci(functionId: number, argument: bigint): PsciAnswer {
  switch (functionId) {
    case PSCI.VERSION:
      return { result: PSCI_VERSION_1_1 };
    case PSCI.SMCCC_VERSION:
      return { result: SMCCC_VERSION_1_1 };
    case PSCI.MIGRATE_INFO_TYPE:
      return { result: MIGRATION_NOT_REQUIRED };
    case PSCI.FEATURES:
      return { result: hasFunction(Number(BigInt.asUintN(32, argument))) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED };
    case PSCI.SYSTEM_OFF:
      return { result: PSCI_SUCCESS, power: 'off' };
    case PSCI.SYSTEM_RESET:
      return { result: PSCI_SUCCESS, power: 'reset' };
    default:
      return { result: PSCI_NOT_SUPPORTED };
  }
}

/** 32-bit form of a function that has both forms. */
export const base32 = (functionId: number): number => (functionId & ~0x4000_0000) >>> 0;

/** True when a function exists in the form that was called. */
export function hasFunction(functionId: number): boolean {
  const base = base32(functionId);
  return NAMES.has(base) && (functionId === base || HAVE_64_BIT_FORM.has(base));
}

/** Name of a function, or its number. */
export function psciName(functionId: number): string {
  return NAMES.get(base32(functionId)) ?? hex(functionId);
}
