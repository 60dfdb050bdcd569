/**
 * ESR_ELx values: exception classes, and the syndromes that the machine itself makes (the engine makes the rest).
 *
 *     31      26 25 24                                   0
 *     |   EC    |IL|                 ISS                  |
 *
 * Specification: Arm ARM DDI 0487 K.a, D24.2.40 (ESR_EL1).
 */

/** Exception classes by value. */
export const EXCEPTION_CLASS = {
  unknown: 0x00,
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

const syndrome = (exceptionClassValue: number, iss: number): number =>
  ((exceptionClassValue << 26) | SYNDROME_IL | iss) >>> 0;

/** ESR of a data abort without instruction syndrome (ISV = 0), taken from the same level unless `lower`. */
export function dataAbortSyndrome(abort: {
  readonly status: number;
  readonly write: boolean;
  readonly lower?: boolean;
  /** The address could not be determined: FAR is not valid (FnV). */
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

/** ESR of an instruction that is undefined here. */
export function undefinedSyndrome(): number {
  return syndrome(EXCEPTION_CLASS.unknown, 0);
}
