// SPDX-License-Identifier: GPL-2.0-only
/**
 * Whether FP and SIMD may be used: CPACR_EL1.FPEN, CPTR_EL2.TFP or FPEN, and CPTR_EL3.TFP.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.3.3.4 (traps), D24.2.37 (CPACR_EL1).
 */

import { EXCEPTION_CLASS, SYNDROME_IL, undefinedSyndrome } from '#emulator/cpu/syndrome.ts';
import { type CoreState, GuestException } from '#emulator/a64/core-state.ts';
import { HCR, isHost } from './hypervisor.ts';
import type { RegisterFile } from './register-file.ts';

const CPTR_TFP = 1n << 10n;
/** ISS: always executed (CV, COND). */
const ISS = (1 << 24) | (0b1110 << 20);

/** The level that takes the trap of an access to FP now; null where it is allowed. */
export function fpTrapTarget({ level }: CoreState, file: RegisterFile): 1 | 2 | 3 | null {
  if (isDisabledByEl1(level, file)) return level === 0 && (file.get('HCR_EL2') & HCR.tge) !== 0n ? 2 : 1;
  if (level < 3 && hypervisorTraps(file, level)) return 2;
  return (file.control(3) & CPTR_TFP) === 0n ? null : 3;
}

/** CPACR_EL1.FPEN: EL0 needs 0b11, the level itself bit 0. */
function isDisabled(control: bigint, level: number): boolean {
  const enabled = Number((control >> 20n) & 3n);
  return level === 0 ? enabled !== 3 : (enabled & 1) === 0;
}

/** CPACR_EL1 counts, and EL1 would take the trap. */
const isDisabledByEl1 = (level: number, file: RegisterFile): boolean =>
  level < 2 && !isHost(file) && isDisabled(file.get('CPACR_EL1'), level);

/** CPTR_EL2: TFP, or FPEN as CPACR_EL1 has it where EL2 has two halves. */
function hypervisorTraps(file: RegisterFile, level: number): boolean {
  const control = file.control(2);
  if ((file.get('HCR_EL2') & HCR.e2h) === 0n) return (control & CPTR_TFP) !== 0n;
  // A guest's EL0 is as its EL1; a host's is not.
  return isDisabled(control, isHost(file) && level === 0 ? 0 : 1);
}

/** @throws GuestException where FP is trapped */
export function checkFpAccess(state: CoreState, file: RegisterFile): void {
  const target = fpTrapTarget(state, file);
  if (target === null) return;
  // What EL1 would take, EL2 takes as an instruction that is undefined (TGE).
  if (target === 2 && isDisabledByEl1(state.level, file)) throw new GuestException(undefinedSyndrome());
  throw new GuestException(((EXCEPTION_CLASS.floatingPoint << 26) | SYNDROME_IL | ISS) >>> 0, null, target);
}
