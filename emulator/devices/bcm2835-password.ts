// SPDX-License-Identifier: GPL-2.0-only
/**
 * Password of the clock manager and of power management on Broadcom's chips: a write without it is
 * ignored (BCM2835 ARM Peripherals, 6.3).
 */

import type { AccessWidth } from '#emulator/bus/device.ts';

const PASSWORD = 0x5a;

/** Bits 23:0 of a word that carries the password in its bits 31:24; null for any other write. */
export function withoutPassword(width: AccessWidth, value: number): number | null {
  return width === 4 && value >>> 24 === PASSWORD ? value & 0xff_ffff : null;
}
