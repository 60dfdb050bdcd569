// SPDX-License-Identifier: GPL-2.0-only
/**
 * ERET: restores the state that SPSR holds, unless that state is illegal.
 *
 * Specification: Arm ARM DDI 0487 K.a, D1.4 (exception return), D1.4.4 (illegal return events).
 */

import { type CoreState, PSTATE } from '#emulator/a64/core-state.ts';
import { HCR } from './hypervisor.ts';
import type { RegisterFile } from './register-file.ts';

/** SPSR.M[4]: AArch32 state. M[1] is reserved in AArch64. */
const M_AARCH32 = 1 << 4;
const M_RESERVED = 1 << 1;
const NZCV = 0xf << 28;
const DAIF = 0xf << 6;

/** Sets PC and PSTATE as ERET does at a level above EL0. */
export function exceptionReturn(state: CoreState, file: RegisterFile): void {
  const { level } = state;
  const { spsr: saved, elr } = file.savedState(level as 1 | 2 | 3);
  state.pc = elr;
  const target = (saved >>> 2) & 3;
  const isIllegal =
    (saved & (M_AARCH32 | M_RESERVED)) !== 0 ||
    target > level ||
    (target === 0 && (saved & 1) !== 0) ||
    (target === 1 && (file.get('HCR_EL2') & HCR.tge) !== 0n);
  if (!isIllegal) {
    state.pstate = saved;
    return;
  }
  // Exception level and stack pointer stay; the next instruction takes an Illegal State exception.
  const kept = NZCV | DAIF;
  state.pstate = (state.pstate & ~kept) | (saved & kept) | PSTATE.il;
}
