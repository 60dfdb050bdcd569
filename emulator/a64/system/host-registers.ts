// SPDX-License-Identifier: GPL-2.0-only
/**
 * With HCR_EL2.E2H a kernel runs at EL2 as it would at EL1: names of EL1's registers mean EL2's
 * there, and names of their own (_EL12, _EL02) mean EL1's.
 *
 * Specification: Arm ARM DDI 0487 K.a, D8.1.6 (FEAT_VHE), table of redirected accesses; D24.
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';

/** CRn, CRm, op2 of registers of EL1 that have a counterpart at EL2 by the same fields. */
const COUNTERPARTS: ReadonlySet<string> = new Set(
  '1 0 0,2 0 0,2 0 1,2 0 2,4 0 0,4 0 1,5 1 0,5 1 1,5 2 0,6 0 0,10 2 0,10 3 0,12 0 0,13 0 1,14 1 0'.split(','),
);
const CPACR = '1 0 2';
const CPTR_EL2: SystemRegisterEncoding = [3, 4, 1, 1, 2];

/** A host's virtual counter has no offset. */
const CNTPCT_EL0: SystemRegisterEncoding = [3, 3, 14, 0, 1];

/** The register that a name of EL1 or EL0 means for a host, of those with op0 3. */
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

/** The register that a name with op1 5 means (_EL12, _EL02); null: there is none. */
export function guestRegister([op0, op1, crn, crm, op2]: SystemRegisterEncoding): SystemRegisterEncoding | null {
  if (op0 !== 3 || op1 !== 5) return null;
  if (crn === 14 && (crm === 2 || crm === 3)) return [3, 3, crn, crm, op2];
  const key = `${crn} ${crm} ${op2}`;
  return key === CPACR || COUNTERPARTS.has(key) ? [3, 0, crn, crm, op2] : null;
}
