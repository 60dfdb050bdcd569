// SPDX-License-Identifier: GPL-2.0-only
/**
 * Hardware management of descriptors: the access flag is set when a page is used (TCR_ELx.HA), and
 * a clean page (DBM set, AP[2] read-only) becomes writable when it is written (HD).
 *
 *     leaf of stage 1  51 DBM   10 AF   7 AP[2], read-only
 *     leaf of stage 2  51 DBM   10 AF   7 S2AP[1], may be written
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.4.6 (hardware management of the access flag), D8.4.7 (of
 * the dirty state).
 */

import type { Translation } from '#emulator/cpu/translate.ts';
import type { Features } from './features.ts';

/** Bits of TCR_EL1; those of TCR_EL2 and TCR_EL3 are moved to these positions first. */
const TCR_HA = 1n << 39n;
const TCR_HD = 1n << 40n;
const VALID = 1n;
const READ_ONLY = 1n << 7n;
const S2AP_WRITE = 1n << 7n;
const ACCESS_FLAG = 1n << 10n;
const DIRTY_BIT_MODIFIER = 1n << 51n;
const AP_TABLE_READ_ONLY = 1n << 62n;

export const setsAccessFlag = (tcr: bigint): boolean => (tcr & TCR_HA) !== 0n;

/** Bits of VTCR_EL2. */
const VTCR_HA = 1n << 21n;
const VTCR_HD = 1n << 22n;

/** Clean leaf, and the change that makes it dirty; null where hardware does not manage it. */
export interface CleanLeaf {
  readonly at: number;
  readonly written: (descriptor: bigint) => bigint | null;
}

/** Management that VTCR_EL2 enables for stage 2 and that the core implements. */
export const managedOfStage2 = (vtcr: bigint, has: Features) => ({
  accessFlag: has('HAF') && (vtcr & VTCR_HA) !== 0n,
  dirtyState: has('HAFDBS') && (vtcr & (VTCR_HA | VTCR_HD)) === (VTCR_HA | VTCR_HD),
});

/** Descriptor with the access flag set; null stays null. */
export const accessed = (descriptor: bigint | null): bigint | null =>
  descriptor === null ? null : descriptor | ACCESS_FLAG;

/** Leaf of stage 1 made dirty; null where hardware does not manage the dirty state. */
export function dirtied(descriptor: bigint): bigint | null {
  if ((descriptor & VALID) === 0n) return null;
  if ((descriptor & READ_ONLY) === 0n) return descriptor;
  return (descriptor & DIRTY_BIT_MODIFIER) === 0n ? null : descriptor & ~READ_ONLY;
}

/** Leaf of stage 2 made dirty; null where hardware does not manage the dirty state. */
export function dirtiedByStage2(descriptor: bigint): bigint | null {
  if ((descriptor & VALID) === 0n) return null;
  if ((descriptor & S2AP_WRITE) !== 0n) return descriptor;
  return (descriptor & DIRTY_BIT_MODIFIER) === 0n ? null : descriptor | S2AP_WRITE;
}

/**
 * True for a leaf that is read-only only because it is clean. `tables`: the table descriptors above
 * it, ORed, as far as they apply.
 */
export function isWritableClean({ mapping }: Extract<Translation, { ok: true }>, tcr: bigint, tables: bigint): boolean {
  const isManaged = (tcr & TCR_HA) !== 0n && (tcr & TCR_HD) !== 0n;
  const isClean = (mapping.descriptor & READ_ONLY) !== 0n && (mapping.descriptor & DIRTY_BIT_MODIFIER) !== 0n;
  return isManaged && isClean && (tables & AP_TABLE_READ_ONLY) === 0n;
}
