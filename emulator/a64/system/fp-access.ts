// SPDX-License-Identifier: GPL-2.0-only
/**
 * Access control of FP and SIMD: CPACR_EL1.FPEN, CPTR_EL2.TFP or FPEN, and CPTR_EL3.TFP.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.3.4 (traps), D24.2.37 (CPACR_EL1).
 */

import { EXCEPTION_CLASS, SYNDROME_IL, undefinedSyndrome } from '#emulator/cpu/syndrome.ts';
import { type CoreState, GuestException } from '#emulator/a64/core-state.ts';
import { HCR, isHost } from './hypervisor.ts';
import type { RegisterFile } from './register-file.ts';

const CPTR_TFP = 1n << 10n;
/** ISS of an FP trap: CV is 1, COND is "always". */
const ISS = (1 << 24) | (0b1110 << 20);

/** Exception level that takes the trap of an FP access; null where the access is allowed. */
export function fpTrapTarget({ level }: CoreState, file: RegisterFile): 1 | 2 | 3 | null {
  if (isDisabledByEl1(level, file)) return level === 0 && (file.get('HCR_EL2') & HCR.tge) !== 0n ? 2 : 1;
  if (level < 3 && hypervisorTraps(file, level)) return 2;
  return (file.control(3) & CPTR_TFP) === 0n ? null : 3;
}

/** True where FPEN denies access: EL0 needs 0b11, EL1 bit 0. */
function isDisabled(control: bigint, level: number): boolean {
  const enabled = Number((control >> 20n) & 3n);
  return level === 0 ? enabled !== 3 : (enabled & 1) === 0;
}

/** True where CPACR_EL1 applies and denies access. */
const isDisabledByEl1 = (level: number, file: RegisterFile): boolean =>
  level < 2 && !isHost(file) && isDisabled(file.get('CPACR_EL1'), level);

/** True where CPTR_EL2 traps: by TFP, or with HCR_EL2.E2H by FPEN, as in CPACR_EL1. */
function hypervisorTraps(file: RegisterFile, level: number): boolean {
  const control = file.control(2);
  if ((file.get('HCR_EL2') & HCR.e2h) === 0n) return (control & CPTR_TFP) !== 0n;
  // For a guest, FPEN treats EL0 as EL1; for a host's EL0 it needs 0b11.
  return isDisabled(control, isHost(file) && level === 0 ? 0 : 1);
}

/** @throws GuestException where FP is trapped */
export function checkFpAccess(state: CoreState, file: RegisterFile): void {
  const target = fpTrapTarget(state, file);
  if (target === null) return;
  // With TGE, EL2 takes the trap in place of EL1, as an undefined instruction.
  if (target === 2 && isDisabledByEl1(state.level, file)) throw new GuestException(undefinedSyndrome());
  throw new GuestException(((EXCEPTION_CLASS.floatingPoint << 26) | SYNDROME_IL | ISS) >>> 0, null, target);
}
