// SPDX-License-Identifier: GPL-2.0-only
/**
 * The table of UART drivers, by the device tree's `compatible` strings. The boot looks up the node
 * that /chosen stdout-path names.
 *
 * Specification: Devicetree Specification v0.4, 2.3.1 (compatible: most specific first) and 3.6
 * (stdout-path).
 */

import type { VirtAddr } from '#common/address.ts';
import type { MmioPort, ProbePort } from '#kernel-ts/hal/ports.ts';
import type { Console, LineSpeed } from './console.ts';
import { Gs101UartConsole, whyNotGs101Uart } from './gs101-uart-console.ts';
import { Pl011Console, whyNotPl011 } from './pl011-console.ts';

/** UART driver, with the string that matched. */
export interface ConsoleDriver {
  readonly compatible: string;
  /**
   * Creates a console over the UART whose registers are mapped at `base`; at the board's usual
   * speed when `speed` is absent. Touches nothing until `init`.
   */
  create(mmio: MmioPort, base: VirtAddr, speed?: LineSpeed): Console;
  /** Reason why this UART cannot be at `base`, or null. Only reads registers. */
  whyNot(probe: ProbePort, base: VirtAddr): string | null;
}

const DRIVERS: readonly ConsoleDriver[] = [
  {
    compatible: 'arm,pl011',
    create: (mmio, base, speed) => new Pl011Console(mmio, base, speed),
    whyNot: whyNotPl011,
  },
  {
    compatible: 'google,gs101-uart',
    create: (mmio, base, speed) => new Gs101UartConsole(mmio, base, speed),
    whyNot: whyNotGs101Uart,
  },
];

/** Driver for the first string of `compatible` (most specific first) that has one, or null. */
export function findConsole(compatible: readonly string[]): ConsoleDriver | null {
  for (const wanted of compatible) {
    const driver = DRIVERS.find((candidate) => candidate.compatible === wanted);
    if (driver !== undefined) return driver;
  }
  return null;
}
