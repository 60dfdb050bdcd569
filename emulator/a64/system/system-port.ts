// SPDX-License-Identifier: GPL-2.0-only
/**
 * Port between the system class of instructions and their core. A method that returns true has set
 * PC. Each may throw a GuestException.
 */

export type CallKind = 'svc' | 'hvc' | 'smc';
/** Hints that affect scheduling; all others are no-ops. */
export type WaitKind = 'yield' | 'wfe' | 'wfi' | 'sev' | 'sevl';

export interface SystemPort {
  call(kind: CallKind, immediate: number): boolean;
  breakpoint(immediate: number): boolean;
  halt(immediate: number): boolean;
  exceptionReturn(): boolean;
  wait(kind: WaitKind): boolean;
  /**
   * MSR (immediate): sets the field of PSTATE that op1 and op2 name. Returns false when there is
   * none.
   */
  setPstateField(op1: number, op2: number, immediate: number): boolean;
  /** Reads a register by its encoding, see systemRegisterNumber. */
  readRegister(register: number, rt: number): bigint;
  writeRegister(register: number, rt: number, value: bigint): void;
  /** SYS: cache, TLB and branch predictor maintenance, address translation. */
  operate(op1: number, crn: number, crm: number, op2: number, rt: number, value: bigint): void;
  /** Takes the exception of an undefined instruction. */
  undefined(): never;
}
