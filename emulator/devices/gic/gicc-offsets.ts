// SPDX-License-Identifier: GPL-2.0-only
/**
 * Register offsets of a GICv2's CPU interface, both the physical one (GICC) and a guest's (GICV),
 * and values common to both.
 *
 * Specification: IHI 0048, 4.4 (GICC), 5.5 (GICV).
 */

export const CTLR = 0x00;
export const PMR = 0x04;
export const BPR = 0x08;
export const IAR = 0x0c;
export const EOIR = 0x10;
export const RPR = 0x14;
export const HPPIR = 0x18;
export const ABPR = 0x1c;
export const AIAR = 0x20;
export const AEOIR = 0x24;
export const AHPPIR = 0x28;
export const APR0 = 0xd0;
export const NSAPR0 = 0xe0;
export const IIDR = 0xfc;
export const IIDR_VALUE = 0x0002_043b; // Arm, 19:16 architecture 2
export const DIR = 0x1000;

export const INTID_MASK = 0x3ff;
/**
 * INTID that IAR and HPPIR read when the pending interrupt is in group 1, which the register does
 * not acknowledge.
 */
export const OTHER_GROUP = 1022;
