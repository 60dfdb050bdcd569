// SPDX-License-Identifier: GPL-2.0-only
/**
 * Switching the machine off and restarting it: PSCI, by the conduit that the device tree names.
 *
 * Specification: Arm DEN 0022, 5.9 (SYSTEM_OFF), 5.10 (SYSTEM_RESET): neither has an argument, and
 * neither returns.
 */

import { type Fdt, psci } from '#fdt/index.ts';
import type { FirmwarePort } from '#kernel-ts/hal/ports.ts';

const FUNCTION_ID = { off: 0x8400_0008, reset: 0x8400_0009 } as const;

/** Requests to {@link PowerSwitch}. */
export type PowerAction = keyof typeof FUNCTION_ID;

/** Asks the firmware, which acts after this gate. False without PSCI 0.2 or later. */
export type PowerSwitch = (action: PowerAction) => boolean;

/**
 * The power switch of the machine that `fdt` describes.
 * @throws FdtError for a PSCI node that makes no sense
 */
export function powerSwitch(firmware: FirmwarePort, fdt: Fdt): PowerSwitch {
  const found = psci(fdt);
  // Version 0.1 has no such functions.
  if (found === null || found.version === '0.1') return () => false;
  return (action) => {
    firmware.call(found.method, FUNCTION_ID[action]);
    return true;
  };
}
