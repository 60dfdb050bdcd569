// SPDX-License-Identifier: GPL-2.0-only
/**
 * Descriptors that hardware changes: the access flag is set when a page is used (TCR_ELx.HA), and
 * a page that is writable but clean (DBM with AP[2]) becomes writable when it is written (HD).
 *
 *     leaf of stage 1  51 DBM   10 AF   7 AP[2], read-only
 *     leaf of stage 2  51 DBM   10 AF   7 S2AP[1], may be written
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.4.6 (hardware management of the access flag), D8.4.7 (of
 * the dirty state).
 */

import type { Translation } from '#emulator/cpu/translate.ts';
import type { Features } from './features.ts';

/** TCR_EL1; those of EL2 and EL3 are brought there. */
const TCR_HA = 1n << 39n;
const TCR_HD = 1n << 40n;
const VALID = 1n;
const READ_ONLY = 1n << 7n;
const S2AP_WRITE = 1n << 7n;
const ACCESS_FLAG = 1n << 10n;
const DIRTY_BIT_MODIFIER = 1n << 51n;
const AP_TABLE_READ_ONLY = 1n << 62n;

export const setsAccessFlag = (tcr: bigint): boolean => (tcr & TCR_HA) !== 0n;

/** VTCR_EL2. */
const VTCR_HA = 1n << 21n;
const VTCR_HD = 1n << 22n;

/** A leaf that is clean, and what makes it dirty; null where hardware does not note that. */
export interface CleanLeaf {
  readonly at: number;
  readonly written: (descriptor: bigint) => bigint | null;
}

/** What hardware manages of stage 2, as VTCR_EL2 asks for it on a core that has it. */
export const managedOfStage2 = (vtcr: bigint, has: Features) => ({
  accessFlag: has('HAF') && (vtcr & VTCR_HA) !== 0n,
  dirtyState: has('HAFDBS') && (vtcr & (VTCR_HA | VTCR_HD)) === (VTCR_HA | VTCR_HD),
});

/** A descriptor as it is when it has been used; null where there is none. */
export const accessed = (descriptor: bigint | null): bigint | null =>
  descriptor === null ? null : descriptor | ACCESS_FLAG;

/** A leaf as it is when it has been written; null where hardware does not note that. */
export function dirtied(descriptor: bigint): bigint | null {
  if ((descriptor & VALID) === 0n) return null;
  if ((descriptor & READ_ONLY) === 0n) return descriptor;
  return (descriptor & DIRTY_BIT_MODIFIER) === 0n ? null : descriptor & ~READ_ONLY;
}

/** The same of a leaf of stage 2. */
export function dirtiedByStage2(descriptor: bigint): bigint | null {
  if ((descriptor & VALID) === 0n) return null;
  if ((descriptor & S2AP_WRITE) !== 0n) return descriptor;
  return (descriptor & DIRTY_BIT_MODIFIER) === 0n ? null : descriptor | S2AP_WRITE;
}

/**
 * The leaf would be writable if it were not clean. `tables`: the descriptors above that count,
 * ORed.
 */
export function isWritableClean({ mapping }: Extract<Translation, { ok: true }>, tcr: bigint, tables: bigint): boolean {
  const isManaged = (tcr & TCR_HA) !== 0n && (tcr & TCR_HD) !== 0n;
  const isClean = (mapping.descriptor & READ_ONLY) !== 0n && (mapping.descriptor & DIRTY_BIT_MODIFIER) !== 0n;
  return isManaged && isClean && (tables & AP_TABLE_READ_ONLY) === 0n;
}
