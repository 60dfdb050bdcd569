// SPDX-License-Identifier: GPL-2.0-only
/**
 * Security state of a GICv3, as the software on this machine sees it.
 *
 *     single       GICD_CTLR.DS = 1: one world, both groups, priorities 0x00..0xf8 as they are
 *     non-secure   GICD_CTLR.DS = 0, SCR_EL3.FIQ = 1, firmware of the secure world has run: group 1 only, and
 *
 *         what is stored   1 p p p p 0 0 0        the lower (less urgent) half of the 32 levels
 *         what is seen     p p p p 0 0 0 0        stored << 1; a secure value (bit 7 clear) reads 0
 *
 * The secure side itself is not modelled: no access is ever secure.
 *
 * Specification: IHI 0069, 4.8.1 (priority views), table 4-9.
 */

export type SecurityView = 'single' | 'non-secure';

/** Bit 7: set in every priority of a non-secure interrupt. */
export const NON_SECURE_PRIORITY = 0x80;

/** Priority to store for a value that software writes to a priority field. */
export function priorityToStore(view: SecurityView, value: number): number {
  return view === 'single' ? value & 0xff : NON_SECURE_PRIORITY | ((value & 0xff) >>> 1);
}

/** Value that software reads for a stored priority. */
export function priorityToShow(view: SecurityView, stored: number): number {
  if (view === 'single') return stored;
  return stored < NON_SECURE_PRIORITY ? 0 : (stored << 1) & 0xff;
}
