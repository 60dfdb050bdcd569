// SPDX-License-Identifier: GPL-2.0-only
/**
 * ESR_ELx values: exception classes, and the syndromes that the machine itself builds (the engine
 * builds the others).
 *
 *     31      26 25 24                                   0
 *     |   EC    |IL|                 ISS                  |
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.40 (ESR_EL1).
 */

import type { SystemRegisterEncoding } from '#emulator/engine/system-registers.ts';

/** Exception classes (EC). */
export const EXCEPTION_CLASS = {
  unknown: 0x00,
  wait: 0x01,
  floatingPoint: 0x07,
  illegalState: 0x0e,
  systemRegister: 0x18,
  svc64: 0x15,
  hvc64: 0x16,
  smc64: 0x17,
  instructionAbortLower: 0x20,
  instructionAbortSame: 0x21,
  pcAlignment: 0x22,
  dataAbortLower: 0x24,
  dataAbortSame: 0x25,
  spAlignment: 0x26,
  serror: 0x2f,
  breakpointLower: 0x30,
  stepLower: 0x32,
  watchpointLower: 0x34,
  brk64: 0x3c,
} as const;

/** IL: the instruction was 32 bits long. */
export const SYNDROME_IL = 1 << 25;

/** DFSC and IFSC of a synchronous external abort that is not on a table walk. */
export const EXTERNAL_ABORT_STATUS = 0b010000;

/** EC field of an ESR. */
export function exceptionClass(esr: number): number {
  return esr >>> 26;
}

/**
 * Bits of a trapped FP or SIMD access that only AArch32 defines. The engine sets them for AArch64
 * too.
 */
const COPROCESSOR = 0xf;

/**
 * Removes the AArch32 bits from the ESR of a trapped FP or SIMD access: CV and COND 0b1110 stay,
 * the others are RES0. Any other ESR is returned unchanged.
 */
export function withoutCoprocessor(esr: number): number {
  return exceptionClass(esr) === EXCEPTION_CLASS.floatingPoint ? (esr & ~COPROCESSOR) >>> 0 : esr;
}

const syndrome = (exceptionClassValue: number, iss: number): number =>
  ((exceptionClassValue << 26) | SYNDROME_IL | iss) >>> 0;

/** Fault status field of aborts (DFSC, IFSC): ESR bits 5:0. */
const STATUS_MASK = 0x3f;

/** True for the ESR of an abort by a translation fault: fault status 0b0001 and the level. */
export function isTranslationFault(esr: number): boolean {
  return (esr & 0x3c) === 0b000100;
}

/** Replaces the fault status in the ESR of an abort. */
export function withFaultStatus(esr: number, status: number): number {
  return ((esr & ~STATUS_MASK) | status) >>> 0;
}

/**
 * ESR of a data abort without instruction syndrome (ISV = 0), from the same level unless `lower`.
 */
export function dataAbortSyndrome(abort: {
  readonly status: number;
  readonly write: boolean;
  readonly lower?: boolean;
  /** True when the address could not be determined: FAR is not valid (FnV). */
  readonly farNotValid?: boolean;
}): number {
  const iss = abort.status | (abort.write ? 1 << 6 : 0) | (abort.farNotValid === true ? 1 << 10 : 0);
  return syndrome(abort.lower === true ? EXCEPTION_CLASS.dataAbortLower : EXCEPTION_CLASS.dataAbortSame, iss);
}

/** ESR of an instruction abort. */
export function instructionAbortSyndrome(abort: { readonly status: number; readonly lower: boolean }): number {
  return syndrome(
    abort.lower ? EXCEPTION_CLASS.instructionAbortLower : EXCEPTION_CLASS.instructionAbortSame,
    abort.status,
  );
}

/** ESR of a branch to an address that is not a multiple of 4. */
export function pcAlignmentSyndrome(): number {
  return syndrome(EXCEPTION_CLASS.pcAlignment, 0);
}

/** ESR of a trapped MSR (immediate) to DAIF: op0 0, CRn 4, Rt 31. */
export function interruptMaskTrapSyndrome(instruction: number): number {
  const op1 = (instruction >>> 16) & 7;
  const crm = (instruction >>> 8) & 15;
  const op2 = (instruction >>> 5) & 7;
  return syndrome(EXCEPTION_CLASS.systemRegister, (op2 << 17) | (op1 << 14) | (4 << 10) | (31 << 5) | (crm << 1));
}

/** ESR of a trapped WFE: CV, COND "always", TI 0b01. */
export function waitTrapSyndrome(): number {
  return syndrome(EXCEPTION_CLASS.wait, (1 << 24) | (0b1110 << 20) | 1);
}

/** ESR of an undefined instruction. */
export function undefinedSyndrome(): number {
  return syndrome(EXCEPTION_CLASS.unknown, 0);
}

/** ESR of a trapped MRS or MSR: encoding, Rt and direction. */
export function systemRegisterSyndrome(encoding: SystemRegisterEncoding, rt: number, read: boolean): number {
  const [op0, op1, crn, crm, op2] = encoding;
  return syndrome(
    EXCEPTION_CLASS.systemRegister,
    (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (rt << 5) | (crm << 1) | (read ? 1 : 0),
  );
}

/** Fault status of debug exceptions. */
const DEBUG_STATUS = 0b100010;
/** ISS of a software step: ISV (an instruction was stepped), EX (it was a load-exclusive). */
const STEP_ISV = 1 << 24;
const STEP_EX = 1 << 6;

/**
 * ESR of a hardware breakpoint or a software step. `stepped` describes the stepped instruction, if
 * there was one.
 */
export function debugSyndrome(
  kind: 'breakpoint' | 'step',
  lower: boolean,
  stepped: { readonly exclusive: boolean } | null,
): number {
  // The class for the same level is one higher than that for a lower level.
  const ec = EXCEPTION_CLASS[`${kind}Lower`] + (lower ? 0 : 1);
  return syndrome(ec, DEBUG_STATUS | (stepped === null ? 0 : STEP_ISV) | (stepped?.exclusive === true ? STEP_EX : 0));
}

/** ESR of a watchpoint. */
export function watchpointSyndrome(lower: boolean, write: boolean): number {
  return syndrome(EXCEPTION_CLASS.watchpointLower + (lower ? 0 : 1), DEBUG_STATUS | (write ? 1 << 6 : 0));
}
