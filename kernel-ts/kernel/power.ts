// SPDX-License-Identifier: GPL-2.0-only
/**
 * Power off and reset of the machine: PSCI, by the conduit that the device tree names.
 *
 * Specification: Arm DEN 0022, 5.9 (SYSTEM_OFF), 5.10 (SYSTEM_RESET): neither has an argument, and
 * neither returns.
 */

import { type Fdt, psci } from '#fdt/index.ts';
import type { FirmwarePort } from '#kernel-ts/hal/ports.ts';

const FUNCTION_ID = { off: 0x8400_0008, reset: 0x8400_0009 } as const;

/** Requests to {@link PowerSwitch}. */
export type PowerAction = keyof typeof FUNCTION_ID;

/**
 * Sends the request to the firmware, which acts after this gate. Returns false without PSCI 0.2 or
 * later.
 */
export type PowerSwitch = (action: PowerAction) => boolean;

/** Power switch of the machine that `fdt` describes. @throws FdtError for an invalid PSCI node */
export function powerSwitch(firmware: FirmwarePort, fdt: Fdt): PowerSwitch {
  const found = psci(fdt);
  // Version 0.1 has no such functions.
  if (found === null || found.version === '0.1') return () => false;
  return (action) => {
    firmware.call(found.method, FUNCTION_ID[action]);
    return true;
  };
}
