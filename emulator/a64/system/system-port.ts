// SPDX-License-Identifier: GPL-2.0-only
/**
 * What the instructions of the system class ask of their core. What returns true has set PC. Each
 * may throw a GuestException.
 */

export type CallKind = 'svc' | 'hvc' | 'smc';
/** Hints that matter to time; the others are no-ops. */
export type WaitKind = 'yield' | 'wfe' | 'wfi' | 'sev' | 'sevl';

export interface SystemPort {
  call(kind: CallKind, immediate: number): boolean;
  breakpoint(immediate: number): boolean;
  halt(immediate: number): boolean;
  exceptionReturn(): boolean;
  wait(kind: WaitKind): boolean;
  /** MSR (immediate): the field of PSTATE that op1 and op2 name. False: there is none. */
  setPstateField(op1: number, op2: number, immediate: number): boolean;
  /** A register by the number that its encoding gives, see systemRegisterNumber. */
  readRegister(register: number, rt: number): bigint;
  writeRegister(register: number, rt: number, value: bigint): void;
  /** SYS: cache, translation and branch predictor maintenance, address translation. */
  operate(op1: number, crn: number, crm: number, op2: number, rt: number, value: bigint): void;
  /** An instruction that is not one. */
  undefined(): never;
}
