// SPDX-License-Identifier: GPL-2.0-only
/**
 * Register redirection with HCR_EL2.E2H: a kernel runs at EL2 as at EL1. There, the names of EL1
 * registers access EL2 registers, and the names _EL12 and _EL02 access those of EL1 and EL0.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.1.6 (FEAT_VHE), table of redirected accesses; D24.
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';

/** EL1 registers redirected to the EL2 register with the same CRn, CRm and op2. */
const COUNTERPARTS: ReadonlySet<string> = new Set(
  '1 0 0,2 0 0,2 0 1,2 0 2,4 0 0,4 0 1,5 1 0,5 1 1,5 2 0,6 0 0,10 2 0,10 3 0,12 0 0,13 0 1,14 1 0'.split(','),
);
const CPACR = '1 0 2';
const CPTR_EL2: SystemRegisterEncoding = [3, 4, 1, 1, 2];

/** CNTVCT_EL0 is redirected to the physical counter: a host's virtual counter has no offset. */
const CNTPCT_EL0: SystemRegisterEncoding = [3, 3, 14, 0, 1];

/** Register that an EL1 or EL0 name accesses on a host, for encodings with op0 3. */
export function hostRegister(encoding: SystemRegisterEncoding): SystemRegisterEncoding {
  const [, op1, crn, crm, op2] = encoding;
  if (op1 === 3) {
    if (crn !== 14) return encoding;
    if (crm === 0 && op2 === 2) return CNTPCT_EL0;
    return crm === 2 || crm === 3 ? [3, 4, crn, crm, op2] : encoding;
  }
  if (op1 !== 0) return encoding;
  const key = `${crn} ${crm} ${op2}`;
  if (key === CPACR) return CPTR_EL2;
  return COUNTERPARTS.has(key) ? [3, 4, crn, crm, op2] : encoding;
}

/** Register that an _EL12 or _EL02 name (op1 5) accesses; null when the name does not exist. */
export function guestRegister([op0, op1, crn, crm, op2]: SystemRegisterEncoding): SystemRegisterEncoding | null {
  if (op0 !== 3 || op1 !== 5) return null;
  if (crn === 14 && (crm === 2 || crm === 3)) return [3, 3, crn, crm, op2];
  const key = `${crn} ${crm} ${op2}`;
  return key === CPACR || COUNTERPARTS.has(key) ? [3, 0, crn, crm, op2] : null;
}
